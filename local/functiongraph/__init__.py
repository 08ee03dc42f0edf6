"""Huawei Cloud FunctionGraph on this machine: the host's own services as servers that check signatures.

agency = Agency()
with ObsServer(agency, ("untag",)) as obs, SmnServer(agency) as smn, CsmsServer(agency) as csms:
    topic = smn.add_topic()
    csms.put("untag-jdcloud-default", json.dumps(secret))
    agency.keys       # what the context of an invocation holds
    endpoints(obs, smn, csms)
    obs.buckets["untag"].objects("work/")
    smn.published
"""

from local.functiongraph.agency import Agency, TemporaryKeys
from local.functiongraph.api import FunctionGraphServer, Functions, Outcome, PlainFunctions
from local.functiongraph.bucket import Bucket, StoredObject
from local.functiongraph.csms import CsmsServer
from local.functiongraph.obs import ObsServer
from local.functiongraph.service import PROJECT, REGION, Service, ServiceError
from local.functiongraph.smn import Published, SmnServer

__all__ = [
    "PROJECT",
    "REGION",
    "Agency",
    "Bucket",
    "CsmsServer",
    "FunctionGraphServer",
    "Functions",
    "ObsServer",
    "Outcome",
    "PlainFunctions",
    "Published",
    "Service",
    "ServiceError",
    "SmnServer",
    "StoredObject",
    "TemporaryKeys",
    "endpoints",
]


def endpoints(*services: Service) -> str:
    """What `UNTAG_ENDPOINTS` has to say for these services."""
    return ",".join(f"{service.name}={service.url}" for service in services)
