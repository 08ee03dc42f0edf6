"""Alibaba Cloud Resource Names: how one is built from a type and an id, and what one says.

Facts from the pages of TagResources and ListSupportResourceTypes: `arn:acs:PRODUCT:REGION:ACCOUNT:TYPE/ID`, where `*`
means the current region and the current account. The pages name no limits and no alphabet for ids. So an id may hold
letters, digits and what is seen in ids, and never `*`: what it would mean as an id is not said.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_ARN = re.compile(r"arn:acs:([A-Za-z0-9][A-Za-z0-9-]*):(\*|[A-Za-z0-9-]*):(\*|[0-9]*):(([^/:\s]+)[/:].+)", re.DOTALL)
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*:[A-Za-z0-9][A-Za-z0-9_-]*")
_PART = re.compile(r"[\w.$~+=,!()-]+")
"""What stands between slashes and colons."""
_PLACE = re.compile(r"\*|\$?\{[^{}]*\}|<[^<>]*>|\$[A-Za-z]+")
"""What stands for a value in a template. How templates write it is not documented."""
CURRENT = "*"
_FORM = "arn:acs:product:region:account:type/id"


class Arn(NamedTuple):
    """An ARN's parts."""

    product: str
    region: str
    account: str
    rest: str
    kind: str

    def __str__(self) -> str:
        """The ARN as it was written."""
        return f"arn:acs:{self.product}:{self.region}:{self.account}:{self.rest}"

    @property
    def type(self) -> str:
        """The resource's type, as a request names it."""
        return f"{self.product}:{self.kind}"

    @property
    def name(self) -> tuple[str, str]:
        """What is the same however region and account are written."""
        return self.product.lower(), self.rest

    def is_said_by(self, told: "Arn", region: str, owner: str | None) -> bool:
        """Whether an answer that names `told` speaks of this resource, for a call in a region by an account."""
        if self.name != told.name or told.region not in (region, "", CURRENT):
            return False
        if self.account not in ("", CURRENT):
            return told.account == self.account
        return told.account in ("", CURRENT) or owner is None or told.account == owner


def parse_arn(text: str) -> Arn | None:
    """The parts of an ARN, None where the text is none."""
    found = _ARN.fullmatch(text)
    return Arn(*found.groups()) if found else None


class Template(NamedTuple):
    """How the ARNs of a type are written: `region` empty leaves it out, and `before` and `after` enclose the id."""

    product: str
    region: str
    account: str
    before: str
    after: str

    def arn(self, id_: str, region: str) -> str:
        """The ARN of a resource with this id, in the current account."""
        where = region if self.region == CURRENT else self.region
        return f"arn:acs:{self.product}:{where}:{self.account}:{self.before}{id_}{self.after}"

    def matches(self, arn: Arn) -> bool:
        """Whether an ARN is written in this form. Its region and account are there only where the template has them."""
        id_ = arn.rest.removeprefix(self.before)
        id_ = id_.removesuffix(self.after)
        return (
            arn.product == self.product
            and (arn.region != "" if self.region == CURRENT else arn.region == self.region)
            and (arn.account == "") is (self.account == "")
            and arn.rest == f"{self.before}{id_}{self.after}"
            and _is_plain(id_)
        )


def template_of(text: object) -> Template | None:
    """A template as ListSupportResourceTypes has it, None where it cannot be understood."""
    parts = text.split(":", 5) if isinstance(text, str) else []
    if len(parts) != 6 or parts[:2] != ["arn", "acs"]:  # noqa: PLR2004 - the parts of an ARN
        return None
    _, _, product, region, account, rest = parts
    places = list(_PLACE.finditer(rest))
    if len(places) != 1:
        return None
    before, after = rest[: places[0].start()], rest[places[0].end() :]
    where = CURRENT if _PLACE.fullmatch(region) else region
    template = Template(product, where, CURRENT if account else "", before, after)
    return template if parse_arn(template.arn("id", "region")) is not None else None


def plain_template(type_: str) -> Template:
    """The documented form of an ARN, for a type that has no template."""
    product, _, kind = type_.partition(":")
    return Template(product, CURRENT, CURRENT, f"{kind}/", "")


DOCUMENTED = frozenset({"ecs:instance", "vpc:vpc"})
"""The types whose ARNs stand in the API's pages: no template is asked for."""


def type_problem(type_: str) -> str | None:
    """Why a type cannot be one of Alibaba Cloud's, None where it can."""
    return None if _TYPE.fullmatch(type_) else "should be product:type, such as ecs:instance"


def problem_of(type_: str, id_: str, region: str) -> str | None:
    """Why a resource cannot be meant in a region, None where it can."""
    return next(_problems_of_arn(type_, id_, region) if id_.startswith("arn:") else _problems(id_), None)


def _problems_of_arn(type_: str, id_: str, region: str) -> Iterator[str]:
    arn = parse_arn(id_)
    if arn is None:
        yield f"should be an ARN, {_FORM}"
        return
    if not all(_is_plain(part) for part in re.split("[/:]", arn.rest)):
        yield "has characters or empty parts that no resource's ARN has"
    if arn.type.lower() != type_.lower():
        yield f"is the ARN of a resource of type {arn.type}"
    if arn.region not in ("", CURRENT, region):
        yield f"is in region {arn.region}, and the request's region is {region}"


def _problems(id_: str) -> Iterator[str]:
    if not _is_plain(id_):
        yield f"should be an ARN, {_FORM}, or an id of letters, digits and .-_$~+=,!()"


def _is_plain(part: str) -> bool:
    return _PART.fullmatch(part) is not None and part.strip(".") != ""
