"""Six-segment names, `qcs::SERVICE:REGION:uin/OWNER:PREFIX/ID`: how one is built from a type and an id, what one says.

Sources: the Tag documentation, "Resource types that support tag APIs" (651/55662 and 651/89122) and "Resource
description" (598/10606).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

TYPE = re.compile(r"[a-z][a-z0-9_-]*:[A-Za-z][A-Za-z0-9_-]*")
"""Service and prefix, as in `cvm:instance`."""

# No wildcard, and nothing that could be read as another segment: a name with `*` would mean every resource.
_NAME = re.compile(
    r"qcs::([a-z][a-z0-9_-]*):([a-z0-9-]*):(uin|uid)/([0-9]{5,20}):"
    r"([A-Za-z][A-Za-z0-9_-]*)/((?:[A-Za-z0-9_][A-Za-z0-9_.:-]*)(?:/[A-Za-z0-9_][A-Za-z0-9_.:-]*)*)"
)
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_BEGINNING = "qcs:"
_FORM = "qcs::service:region:uin/number:prefix/id"
_SEGMENTS = 6
_BY_APP_ID = frozenset({"cos"})
"""Services whose names have the app id, `uid/…`, in the place of the owner's uin."""

# fmt: off
REGIONAL = frozenset({
    "bm:instance", "ccs:cluster", "cdb:instanceId", "cfs:filesystem", "cfs:snap", "ckafka:ckafkaId", "clb:clb",
    "ctsdb:instance", "cvm:instance", "cvm:keypair", "cvm:sg", "cvm:snapshot", "cvm:volume", "emr:emr-instance",
    "emr:emr-vm", "es:instance", "es:logstash", "redis:instance", "vpc:eip", "vpc:nat", "vpc:vpngw", "vpc:vpnx",
})
WITHOUT_REGION = frozenset({"cdn:domain", "waf:waf"})
# fmt: on
LISTED = REGIONAL | WITHOUT_REGION
"""The types that are known by their documented names. There are many more: a name of any other is taken as it is, but
no conclusion is drawn from its absence in an answer, since it may be written wrong."""


class Name(NamedTuple):
    """A name's parts. `region` is empty where the service has none; `kind` says whose number `owner` is."""

    service: str
    region: str
    kind: str
    owner: str
    prefix: str
    id: str

    @property
    def type(self) -> str:
        """The resource's type, as a request has it."""
        return f"{self.service}:{self.prefix}"


def is_name(id_: str) -> bool:
    """Whether an id is meant as a name, well formed or not."""
    return id_.startswith(_BEGINNING)


def parse_name(text: str) -> Name | None:
    """The parts of a name, None where the text is none."""
    found = _NAME.fullmatch(text)
    return Name(*found.groups()) if found else None


def name_of_id(type_: str, id_: str, region: str, owner: str) -> str:
    """The name of a resource that is given by its name or by a bare id."""
    if is_name(id_):
        return id_
    service, _, prefix = type_.partition(":")
    return f"qcs::{service}:{'' if type_ in WITHOUT_REGION else region}:uin/{owner}:{prefix}/{id_}"


def place_of(name: str) -> tuple[str, str] | None:
    """The type and the region that a listed name says; None where it has not six segments."""
    parts = name.split(":", _SEGMENTS - 1)
    if len(parts) != _SEGMENTS or parts[0] != "qcs":
        return None
    return f"{parts[2]}:{parts[5].partition('/')[0]}", parts[3]


def problem_of(type_: str, id_: str, region: str) -> str | None:
    """Why a resource cannot be meant in a region, None where it can."""
    return next(_problems_of_name(type_, id_, region) if is_name(id_) else _problems_of_id(type_, id_), None)


def _problems_of_name(type_: str, id_: str, region: str) -> Iterator[str]:
    if (name := parse_name(id_)) is None:
        yield f"should be a six-segment name of one resource, {_FORM}"
        return
    if name.type != type_:
        yield f"is the name of a resource of type {name.type}"
    if name.region not in ("", region):
        yield f"is in region {name.region}, and the request's region is {region}"
    if name.region == "" and type_ in REGIONAL:
        yield "names no region, and resources of this type have one"
    if (name.kind == "uid") is not (name.service in _BY_APP_ID):
        yield "should have the app id, uid/number, for cos and the owner's uin, uin/number, for all other services"


def _problems_of_id(type_: str, id_: str) -> Iterator[str]:
    if type_.partition(":")[0] in _BY_APP_ID:
        yield f"should be a six-segment name, {_FORM.replace('uin', 'uid')}: for type {type_} none is built of an id"
    if not _ID.fullmatch(id_):
        yield f"should be a six-segment name, {_FORM}, or an id of letters, digits, _, . and -"
