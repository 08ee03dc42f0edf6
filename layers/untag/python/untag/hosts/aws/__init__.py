"""AWS Lambda: every line that knows SQS, SNS, Secrets Manager, EMF, ARNs, or Lambda's context and sizes."""

from untag.hosts.aws.handling import LambdaFunction
from untag.hosts.aws.telemetry import logger

__all__ = ["LambdaFunction", "logger"]
