"""Google Cloud: its credentials, and the labels of its resources, each by its service's own API."""

from untag.providers.gcp.labels import GcpLabels

APIS = (GcpLabels,)
