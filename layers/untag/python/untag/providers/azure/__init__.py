"""Azure: its credentials, and its one tag API, tags at a scope of the Resource Manager."""

from untag.providers.azure.tags import AzureTags

APIS = (AzureTags,)
