"""AWS: its credentials, and its tag APIs: Resource Groups Tagging, and IAM's own for roles and users."""

from untag.providers.aws.iam import AwsIam
from untag.providers.aws.tagging import AwsTagging

APIS = (AwsTagging, AwsIam)
