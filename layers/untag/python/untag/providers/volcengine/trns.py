"""Volcengine's resource names, TRNs: how one is built from a type and an id, and what one says.

Facts from the documents of the tag service and of IAM: `trn:service:region:account:type/id`, with an empty region for
services that have none. Of which services that is, is not listed: a name is built of a bare id only for those of
which it is known.
"""

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

_TRN = re.compile(r"trn:([a-z0-9_-]+):([a-z0-9-]*):([0-9]*):(.+)", re.DOTALL)
_TYPE = re.compile(r"([a-z0-9_-]+):([A-Za-z0-9_.-]+)")
_NAME = "[A-Za-z0-9_][A-Za-z0-9._@+=:,-]*"
_NAMES = re.compile(f"{_NAME}(/{_NAME})*")
"""What may stand in a resource's name. A wildcard may not: it could be taken for every resource."""
_FORM = "trn:service:region:account:type/id"

GLOBAL_REGION = "cn-beijing"
"""The region in which resources without one are asked for. The tag service itself is there."""

_GLOBAL_SERVICES = frozenset({"iam"})
_REGIONAL_SERVICES = frozenset({"ecs", "vpc", "clb", "alb", "natgateway"})


def _in_any_case(prefix: str) -> Iterator[str]:
    return ("".join(letters) for letters in itertools.product(*((letter, letter.upper()) for letter in prefix)))


RESERVED = tuple(f"{prefix}:" for name in ("volc", "sys") for prefix in _in_any_case(name))
"""Keys that begin so are Volcengine's own."""


class Trn(NamedTuple):
    """A TRN's parts; `region` and `account` are empty where the resource's name has none."""

    service: str
    region: str
    account: str
    rest: str

    @property
    def kind(self) -> str | None:
        """The type within the service, None where the name has none."""
        return self.rest.partition("/")[0] if "/" in self.rest else None


def parse_trn(text: str) -> Trn | None:
    """The parts of a TRN, None where the text is none."""
    found = _TRN.fullmatch(text)
    return Trn(*found.groups()) if found else None


def is_trn(id_: str) -> bool:
    """Whether an id is meant as a TRN."""
    return id_.startswith("trn:")


def trn_of(type_: str, id_: str, region: str, account: str) -> str:
    """The TRN of a resource that is named by its TRN or by a bare id."""
    if is_trn(id_):
        return id_
    service, _, kind = type_.partition(":")
    return f"trn:{service}:{'' if service in _GLOBAL_SERVICES else region}:{account}:{kind}/{id_}"


def is_at_home(trn: Trn, region: str) -> bool:
    """Whether a resource is one of those that are asked for in a region."""
    return trn.region == region or (trn.region == "" and region == GLOBAL_REGION)


def type_problem(type_: str) -> str | None:
    """Why a type is none, None where it may be one."""
    return None if _TYPE.fullmatch(type_) else "should be service:type, such as ecs:instance"


def problem_of(type_: str, id_: str, region: str) -> str | None:
    """Why a resource cannot be meant in a region, None where it can."""
    return next(_problems_of_trn(type_, id_, region) if is_trn(id_) else _problems(type_, id_, region), None)


def _problems_of_trn(type_: str, id_: str, region: str) -> Iterator[str]:
    if (trn := parse_trn(id_)) is None:
        yield f"should be a TRN, {_FORM}"
        return
    if not _NAMES.fullmatch(trn.rest):
        yield "should end with a resource's name: letters, digits and ._@+=:,- between slashes"
    service, _, kind = type_.partition(":")
    if trn.service != service or trn.kind not in (None, kind):
        yield f"is the TRN of a resource of type {trn.service}:{trn.kind or '?'}"
    if trn.region == "" and region != GLOBAL_REGION:
        yield f"belongs to no region: such resources are asked for in region {GLOBAL_REGION}"
    if trn.region not in ("", region):
        yield f"is in region {trn.region}, and the request's region is {region}"


def _problems(type_: str, id_: str, region: str) -> Iterator[str]:
    service = type_.partition(":")[0]
    if service not in _GLOBAL_SERVICES | _REGIONAL_SERVICES:
        yield f"should be a TRN, {_FORM}: for type {type_} none is built of an id"
    if ":" in id_ or not re.fullmatch(_NAME, id_):
        yield f"should be a TRN, {_FORM}, or an id of letters, digits and ._@+=,-"
    if service in _GLOBAL_SERVICES and region != GLOBAL_REGION:
        yield f"belongs to no region: such resources are asked for in region {GLOBAL_REGION}"
