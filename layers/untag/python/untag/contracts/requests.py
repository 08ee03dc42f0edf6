"""The removal request: its shape, and the rules that hold for every cloud.

What only one cloud demands (a value on every tag, which types there are) is that cloud's provider module to check.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic import Tag as Choice

from untag.contracts.problems import InvalidInputError, Problem, problems_of

MAX_PAIRS_NAMED = 100_000
"""Pairs that one body may name at all. A cap of a stack's own, far below, is a guardrail; this one keeps a body of a
megabyte, which can name a hundred million pairs, from filling the memory."""

MAX_ATTEMPT = 1_000_000
"""Attempts are counted no further: a remainder has to stay a valid request."""

_MOST_PROBLEMS = 100
"""A list is not read further after so many: no sender reads them all, and a megabyte can hold half a million. For the
same reason a list inside a request fails at its first bad element."""

# The engine behind these patterns takes "$" for the very end of the text.
# An id is any printable text here. A provider that puts ids into a path has a narrower rule of its own.
Id = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$", min_length=1, max_length=512)]
Type = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_:./-]*$", max_length=128)]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=32)]
# Nothing that a request says can change the host or the path of a call, nor the name of a secret: no slash, no percent
# sign, no dots alone.
Account = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
Project = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
Batch = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$")]
Key = Annotated[str, StringConstraints(min_length=1, max_length=512)]  # Azure's
Value = Annotated[str, StringConstraints(max_length=256)]  # AWS's and Azure's


def _date_text(value: Any) -> Any:
    # Pydantic takes a bare number for seconds since 1970; in a request it is more likely a year, or a mistake.
    if not isinstance(value, str) or "T" not in value:
        raise ValueError("should be a date and time with a time zone, such as 2026-12-01T00:00:00Z")
    return value


# What goes out again as seconds since the epoch and back must stay inside the years that there are.
_FIRST_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

Moment = Annotated[AwareDatetime, Field(strict=False, ge=_FIRST_MOMENT, le=_LAST_MOMENT), BeforeValidator(_date_text)]


class Action(StrEnum):
    """What is asked for."""

    REMOVE = "remove"
    RESTORE = "restore"


class Tag(NamedTuple):
    """A tag to remove or to put back. `value` is None where only the key was named."""

    key: str
    value: str | None


ALL = Tag("", None)
"""Every tag of a resource, before a read has shown which those are. No real tag has an empty key."""

EVERY_TAG: Literal["all"] = "all"
"""What a request says in place of a list of tags."""


def _not_null(value: Any) -> Any:
    # null is a likely slip of a program that has no value at hand, and would remove the key whatever its value is.
    if value is None:
        raise ValueError('should not be null: leave it out to mean any value, or name the value ("" is an empty one)')
    return value


class _Input(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TagInput(_Input):
    """A tag as a request names it. Lengths are the widest that any cloud allows; each provider checks its own.

    `was` is there in remainders only: the value that stood there before a write whose answer was lost.
    """

    key: Key
    value: Annotated[Value | None, BeforeValidator(_not_null)] = None
    was: Annotated[Value | None, BeforeValidator(_not_null)] = None


class ResourceGroup(_Input):
    """Resources of one type; `type` is the cloud's own word for it."""

    type: Type
    ids: Annotated[list[Id], Field(min_length=1, fail_fast=True)]


def _kind_of_tags(value: Any) -> str:
    return EVERY_TAG if isinstance(value, str) else _NAMED


_NAMED = "named"
Tags = Annotated[
    Annotated[list[TagInput], Field(min_length=1, fail_fast=True), Choice(_NAMED)]
    | Annotated[Literal["all"], Choice(EVERY_TAG)],
    Discriminator(_kind_of_tags),
]
"""Tags by name, or `all`: every tag but the reserved and protected ones."""


class RemovalRequest(_Input):
    """A request to remove tags from resources, or to put them back.

    It names the rectangle of all its resources and all its tags; equal pairs in it count once.
    """

    id: Annotated[Text, StringConstraints(min_length=1, max_length=256)] = ""
    batch: Batch | None = None
    action: Annotated[Action, Field(strict=False)] = Action.REMOVE
    provider: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    account: Account = "default"
    region: Region | None = None
    project_id: Project | None = None
    resources: Annotated[list[ResourceGroup], Field(min_length=1, fail_fast=True)]
    tags: Tags
    dry_run: bool = False
    expect: Annotated[int, Field(ge=0)] | None = None
    not_before: Moment | None = None
    not_after: Moment | None = None
    overwrite: bool = False
    reason: Annotated[str, StringConstraints(max_length=1024)] | None = None
    attempt: Annotated[int, Field(ge=1, le=MAX_ATTEMPT)] = 1
    first_attempt_at: Moment | None = None

    def ids_by_type(self) -> dict[str, list[str]]:
        """The resource ids under their types, each once, in the order in which they were named."""
        return self._ids_by_type

    def distinct_tags(self) -> list[Tag]:
        """The tags, each once, in the order in which they were named; `ALL` alone for every tag there is."""
        return self._distinct_tags

    def named_tags(self) -> Sequence[TagInput]:
        """The tags as they were named; none where every tag is meant."""
        return () if isinstance(self.tags, str) else self.tags

    def pairs(self) -> int:
        """The number of different (resource, tag) pairs; one a resource where every tag is meant."""
        return self._pairs

    # Asked for at every floor, so worked out once and shared: nobody changes them, and no copy inherits them.

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields replaced, unchecked."""
        copied = super().model_copy(update=update, deep=deep)
        for worked_out in ("_ids_by_type", "_distinct_tags", "_pairs"):
            copied.__dict__.pop(worked_out, None)
        return copied

    @cached_property
    def _ids_by_type(self) -> dict[str, list[str]]:
        found: dict[str, dict[str, None]] = {}
        for group in self.resources:
            found.setdefault(group.type, {}).update(dict.fromkeys(group.ids))
        return {type_: list(ids) for type_, ids in found.items()}

    @cached_property
    def _distinct_tags(self) -> list[Tag]:
        if isinstance(self.tags, str):
            return [ALL]
        return list(dict.fromkeys(Tag(tag.key, tag.value) for tag in self.tags))

    @cached_property
    def _pairs(self) -> int:
        return sum(map(len, self._ids_by_type.values())) * len(self._distinct_tags)

    def body(
        self,
        resources: Mapping[str, Sequence[str]],
        tags: Sequence[Tag],
        was: Mapping[Tag, str] = {},
        **changes: Any,
    ) -> dict[str, Any]:
        """A valid request body for a part of this request.

        `was` has the values seen before a write whose answer was lost. `expect` counted the whole and is left out.
        `changes` replaces fields; None takes a field away.
        """
        whole: dict[str, Any] = {
            "id": self.id,
            "batch": self.batch,
            "action": self.action.value,
            "provider": self.provider,
            "account": self.account,
            "region": self.region,
            "project_id": self.project_id,
            "resources": [{"type": type_, "ids": ids} for type_, ids in resources.items()],
            "tags": EVERY_TAG if ALL in tags else [_tag_body(tag, was.get(tag)) for tag in tags],
            "dry_run": self.dry_run,
            "not_before": None if self.not_before is None else timestamp(self.not_before.timestamp()),
            "not_after": None if self.not_after is None else timestamp(self.not_after.timestamp()),
            "overwrite": self.overwrite or None,
            "reason": self.reason,
        } | changes
        return {name: value for name, value in whole.items() if value is not None}


def _tag_body(tag: Tag, was: str | None) -> dict[str, str]:
    fields = {"key": tag.key, "value": tag.value, "was": was}
    return {name: text for name, text in fields.items() if text is not None}


def timestamp(seconds: float) -> str:
    """Seconds since the epoch as RFC 3339 text in UTC, to the nearest millisecond."""
    # isoformat cuts off: a time that is read back and written again would lose a millisecond each time.
    return datetime.fromtimestamp(seconds + 0.0005, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_requests(payload: Any, own_id: str) -> tuple[RemovalRequest, ...]:
    """The requests in a payload that is one request or a list of them; `own_id` names those without an id.

    Every request comes back with an id: its own, else `own_id`, with `-1`, `-2` … behind it in a list.
    Raises InvalidInputError with the problems of every element, up to `_MOST_PROBLEMS`.
    """
    listed = isinstance(payload, list)
    if listed and not payload:
        raise InvalidInputError.of("the list is empty: at least one request is needed")
    requests: list[RemovalRequest] = []
    problems: list[Problem] = []
    pairs = 0
    for number, element in enumerate(payload if listed else [payload]):
        prefix = str(number) if listed else ""
        if len(problems) >= _MOST_PROBLEMS:
            problems.append(Problem(prefix, "not looked at: there are enough problems before it"))
            break
        try:
            request = RemovalRequest.model_validate(element)
        except ValidationError as error:
            problems.extend(problem.under(prefix) for problem in _problems(error))
            continue
        if not request.id:
            request = request.model_copy(update={"id": f"{own_id}-{number + 1}" if listed else own_id})
        pairs += sum(len(group.ids) for group in request.resources) * (len(request.named_tags()) or 1)
        if pairs > MAX_PAIRS_NAMED:
            told = f"more than {MAX_PAIRS_NAMED} pairs of resource and tag in one body"
            problems.append(Problem("resources", told).under(prefix))
            break
        problems.extend(problem.under(prefix) for problem in _whole(request))
        requests.append(request)
    if problems:
        raise InvalidInputError(problems)
    return tuple(requests)


def _problems(error: ValidationError) -> Iterator[Problem]:
    for problem in problems_of(error):
        # The name of the choice that was made for `tags` is no part of the sender's document.
        tags, _, rest = problem.path.partition(".")
        choice, _, inside = rest.partition(".")
        named = tags == "tags" and choice in (_NAMED, EVERY_TAG)
        yield Problem(".".join(filter(None, (tags, inside))), problem.message) if named else problem


def _whole(request: RemovalRequest) -> Iterator[Problem]:
    pairs = request.pairs()
    yield from _never(request)
    if request.overwrite and request.action is not Action.RESTORE:
        yield Problem("overwrite", "belongs to the action restore")
    if isinstance(request.tags, str):
        if request.expect is not None:
            yield Problem("expect", 'cannot be known beforehand where tags is "all"')
        if request.action is Action.RESTORE:
            yield Problem("tags", "tags that are put back have to be named, each with its value")
        return
    if request.expect is not None and request.expect != pairs:
        named = f"{pairs} pair{'' if pairs == 1 else 's'} of resource and tag"
        yield Problem("expect", f"says {request.expect}, but the request names {named}")
    if request.action is Action.RESTORE:
        values: dict[str, str] = {}
        for index, tag in enumerate(request.tags):
            if tag.value is None:
                yield Problem(f"tags.{index}.value", "a tag that is put back needs a value")
            elif values.setdefault(tag.key, tag.value) != tag.value:
                yield Problem(f"tags.{index}.value", "one key cannot be put back with two values")


def _never(request: RemovalRequest) -> Iterator[Problem]:
    if request.not_before and request.not_after and request.not_before > request.not_after:
        yield Problem("not_before", "should not be later than not_after: nothing could ever be called")
