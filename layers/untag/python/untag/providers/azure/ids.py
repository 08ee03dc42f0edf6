"""ARM ids: what one may be, which type it says, and the path that it becomes.

`/subscriptions/GUID[/resourceGroups/NAME][/providers/NAMESPACE/TYPE/NAME[/TYPE/NAME…]]`, and once more `/providers/…`
for what extends a resource. Fixed words, types and names are the same in upper and lower case. An id is checked before
a URL is built of it: an HTTP client resolves dot segments, and Azure's own SDK sends `#` and `..` as they are.

Source: azure-mgmt-resource 26.0.0, and the page "Naming rules and restrictions for Azure resources".
"""

import re
import unicodedata
from typing import NamedTuple
from urllib.parse import quote

GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
TYPE = re.compile(r"[A-Za-z0-9]+(\.[A-Za-z0-9]+)*(/[A-Za-z0-9][A-Za-z0-9._-]*)+")
"""A namespace and types, as in `Microsoft.Sql/servers/databases`."""

SUBSCRIPTION = "Microsoft.Resources/subscriptions"
GROUP = f"{SUBSCRIPTION}/resourceGroups"

_GROUP_NAME = re.compile(r"[\w.()-]{1,90}")
_NAME = re.compile(r"[A-Za-z0-9_.()~@!$ ',=:;+-]{1,260}")
_MOST_NAMES = 5
_MOST_BLOCKS = 2
_FIRST_NAME = 2
_KEPT = "!$'(),:;=@+"
"""Characters of a name that stand in a path as they are (RFC 3986, pchar)."""

# fmt: off
_UNTAGGABLE = frozenset({
    "microsoft.compute/virtualmachinescalesets/virtualmachines", "microsoft.eventhub/namespaces/eventhubs",
    "microsoft.insights/diagnosticsettings", "microsoft.keyvault/vaults/keys",
    "microsoft.network/loadbalancers/backendaddresspools", "microsoft.network/networksecuritygroups/securityrules",
    "microsoft.network/routetables/routes", "microsoft.network/virtualnetworks/subnets",
    "microsoft.resources/deployments", "microsoft.resources/tags", "microsoft.servicebus/namespaces/queues",
    "microsoft.servicebus/namespaces/topics", "microsoft.storage/storageaccounts/blobservices",
    "microsoft.storage/storageaccounts/fileservices", "microsoft.storage/storageaccounts/queueservices",
    "microsoft.storage/storageaccounts/tableservices",
})
# fmt: on
_UNTAGGABLE_FAMILIES = ("microsoft.authorization/", "microsoft.network/dnszones/", "microsoft.network/privatednszones/")
"""Record sets of a zone; a private zone's link to a network is the one exception."""
_LINKS = "microsoft.network/privatednszones/virtualnetworklinks"


class ArmId(NamedTuple):
    """What an id says. `extends` says that it is of something that extends another resource."""

    subscription: str
    type: str
    extends: bool
    segments: tuple[str, ...]

    @property
    def path(self) -> str:
        """The id in a URL."""
        return "".join(f"/{quote(segment, safe=_KEPT)}" for segment in self.segments)


def parse_id(text: str) -> ArmId | None:
    """What an id says, None where it is none."""
    first, *segments = text.split("/")
    # A segment of dots, or one that ends in a dot or a space, is another one to the server.
    if first or not segments or any(segment.endswith((".", " ")) for segment in segments):
        return None
    if segments[0].lower() != "subscriptions" or not GUID.fullmatch("".join(segments[1:2])):
        return None
    type_, rest = SUBSCRIPTION, segments[2:]
    if rest and rest[0].lower() == "resourcegroups":
        if not _is_group_name("".join(rest[1:2])):
            return None
        type_, rest = GROUP, rest[2:]
    blocks = 0
    while rest:
        block, rest = _block(rest)
        types, names = block[_FIRST_NAME::2], block[_FIRST_NAME + 1 :: 2]
        type_ = "/".join((*block[1:2], *types))
        blocks += 1
        if block[0].lower() != "providers" or blocks > _MOST_BLOCKS or not TYPE.fullmatch(type_):
            return None
        if len(types) != len(names) or len(names) > _MOST_NAMES or not all(map(_NAME.fullmatch, names)):
            return None
    return ArmId(segments[1].lower(), type_, blocks == _MOST_BLOCKS, tuple(segments))


def problem_of(type_: str, id_: str) -> str | None:
    """Why an id cannot be that of a resource of the type, None where it can."""
    parsed = parse_id(id_)
    if parsed is None:
        return "should be an ARM id, /subscriptions/GUID/resourceGroups/NAME/providers/NAMESPACE/TYPE/NAME"
    return None if parsed.type.lower() == type_.lower() else f"is the id of a resource of type {parsed.type}"


def bears_no_tags(type_: str) -> bool:
    """Whether resources of a type are known to have no tags; of many others it is so, too."""
    lower = type_.lower()
    return lower in _UNTAGGABLE or (lower.startswith(_UNTAGGABLE_FAMILIES) and lower != _LINKS)


def _block(segments: list[str]) -> tuple[list[str], list[str]]:
    """The segments from one `providers` to the next, and the rest."""
    ends = (at for at in range(_FIRST_NAME, len(segments), 2) if segments[at].lower() == "providers")
    end = next(ends, len(segments))
    return segments[:end], segments[end:]


def _is_group_name(text: str) -> bool:
    # Letters that only look different (a Kelvin sign) would be one in lower case.
    return _GROUP_NAME.fullmatch(text) is not None and unicodedata.normalize("NFKC", text) == text
