"""Which of CloudAudit's events say that a resource is gone, and which parameter of the call names it.

The operations and their parameters are those of the vendor's SDKs; the types are the Tag API's. An operation that only
isolates a resource, so that it waits in the recycle bin, is a beginning.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Deletion(NamedTuple):
    """What an operation deletes: the Tag API's type, the parameter with the ids, and how such ids begin."""

    type: str
    parameter: str
    prefix: str


DELETIONS: Mapping[tuple[str, str], Deletion] = {
    ("cbs", "DeleteSnapshots"): Deletion("cvm:snapshot", "SnapshotIds", "snap-"),
    ("ccs", "DeleteCluster"): Deletion("ccs:cluster", "ClusterId", "cls-"),
    ("cdb", "OfflineIsolatedInstances"): Deletion("cdb:instanceId", "InstanceIds", "cdb-"),
    ("cfs", "DeleteCfsFileSystem"): Deletion("cfs:filesystem", "FileSystemId", "cfs-"),
    ("clb", "DeleteLoadBalancer"): Deletion("clb:clb", "LoadBalancerIds", "lb-"),
    ("cvm", "DeleteKeyPairs"): Deletion("cvm:keypair", "KeyIds", "skey-"),
    ("es", "DeleteInstance"): Deletion("es:instance", "InstanceId", "es-"),
    ("redis", "CleanUpInstance"): Deletion("redis:instance", "InstanceId", "crs-"),
    ("tke", "DeleteCluster"): Deletion("ccs:cluster", "ClusterId", "cls-"),
    ("vpc", "DeleteNatGateway"): Deletion("vpc:nat", "NatGatewayId", "nat-"),
    ("vpc", "DeleteSecurityGroup"): Deletion("cvm:sg", "SecurityGroupId", "sg-"),
    ("vpc", "DeleteVpnConnection"): Deletion("vpc:vpnx", "VpnConnectionId", "vpnx-"),
    ("vpc", "DeleteVpnGateway"): Deletion("vpc:vpngw", "VpnGatewayId", "vpngw-"),
    ("vpc", "ReleaseAddresses"): Deletion("vpc:eip", "AddressIds", "eip-"),
}
"""By the product, as the event's type begins, and the operation's name."""

BEGINNINGS = frozenset(
    {
        ("cdb", "IsolateDBInstance"),
        # The first call may only move what it names to the recycle bin, and the event does not tell whether it did.
        ("cbs", "TerminateDisks"),
        ("cvm", "TerminateInstances"),
        ("redis", "DestroyPostpaidInstance"),
        ("redis", "DestroyPrepaidInstance"),
    }
)

_NO_ERROR = (None, "", 0, "0")


def failed(log: Mapping[str, Any]) -> bool:
    """Whether the call failed: failed calls are recorded as well, with another code than 0."""
    return any(log.get(name) not in _NO_ERROR for name in ("errorCode", "apiErrorCode"))


def ids_in(parameters: Mapping[str, Any], deletion: Deletion) -> list[str]:
    """The ids that the call named, each once."""
    return list(dict.fromkeys(id_ for id_ in _texts(parameters.get(deletion.parameter)) if _is_of(id_, deletion)))


def _texts(named: Any) -> Iterator[str]:
    for one in named if isinstance(named, list) else [named]:
        if isinstance(one, str):
            yield one


def _is_of(id_: str, deletion: Deletion) -> bool:
    return id_.startswith(deletion.prefix)
