"""AWS: its credentials, and its one tag API, Resource Groups Tagging."""

from untag.providers.aws.tagging import AwsTagging

APIS = (AwsTagging,)
