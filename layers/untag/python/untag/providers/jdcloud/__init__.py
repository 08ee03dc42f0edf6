"""JD Cloud: its credentials, and its one tag API, `resourcetag`."""

from untag.providers.jdcloud.resourcetag import JDCloud

APIS = (JDCloud,)
