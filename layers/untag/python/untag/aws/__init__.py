"""The few AWS calls that a function makes, over httpx and our own signature: SQS, SNS, Secrets Manager."""

from untag.aws.client import Aws, AwsError
from untag.aws.keys import Keys

__all__ = ["Aws", "AwsError", "Keys"]
