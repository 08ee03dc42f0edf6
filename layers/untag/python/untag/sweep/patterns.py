"""What a rule compares a key or a value with: literals, a glob, a regular expression, or a date that has passed.

Regular expressions are those of the engine behind pydantic (Rust's `regex`): it does not backtrack, so that matching
takes time in proportion to the text, and refuses what compiles to more than 10 MiB. It knows no look-around and no
back-reference. An expression describes the whole text, as a glob does.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import Enum
from fnmatch import fnmatchcase
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, StringConstraints, model_validator
from pydantic_core import SchemaError, SchemaValidator, core_schema

_LONGEST = 256
_MOST_LITERALS = 100

Text = Annotated[str, StringConstraints(max_length=_LONGEST)]

_UNLIKELY = ("q", "Zx-9_", "中文", "a b:c/d", "0" * 40)
"""Keys that have nothing in common: a pattern that matches them all matches everything."""

_OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3]):([0-5][0-9])")
_DIRECTIVE = re.compile(r"%(.)")
_DIRECTIVES = frozenset("YymdjbBHIpMSfz%")
"""What a date's format may name. Not what depends on the machine (`%x`, `%c`), nor weeks, which say no day alone."""
_CLOCK = frozenset("HI")
_DAY = timedelta(days=1)


class Hit(Enum):
    """What a comparison came to."""

    YES = "yes"
    NO = "no"
    NOT_A_DATE = "not_a_date"


def _named(value: Any) -> Any:
    return {"literal": value} if isinstance(value, str) else value


def _named_key(value: Any) -> Any:
    return {"literals": value} if isinstance(value, list) else _named(value)


class _Pattern(BaseModel):
    """Exactly one of the kinds."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    literal: Text | None = None
    glob: Text | None = None
    regex: Text | None = None
    ignore_case: bool = False
    _expression: SchemaValidator | None = PrivateAttr(default=None)
    _texts: frozenset[str] = PrivateAttr(default=frozenset())

    def _kinds(self) -> dict[str, Any]:
        return {name: kind for name in ("literal", "glob", "regex") if (kind := getattr(self, name)) is not None}

    @model_validator(mode="after")
    def _compiled(self) -> Self:
        kinds = self._kinds()
        if len(kinds) != 1:
            raise ValueError("should be a text, or an object with exactly one kind of pattern")
        if self.regex is not None:
            self._expression = _compile(self.regex, ignore_case=self.ignore_case)
        texts = kinds.get("literals", [] if self.literal is None else [self.literal])
        self._texts = frozenset(map(self._folded, texts))
        return self

    def _folded(self, text: str) -> str:
        return text.lower() if self.ignore_case else text

    def matches(self, text: str) -> bool:
        """Whether the whole text is what is described."""
        if self._expression is not None:
            return self._expression.isinstance_python(text)
        if self.glob is not None:
            return fnmatchcase(self._folded(text), self._folded(self.glob))
        return self._folded(text) in self._texts

    def matches_everything(self) -> bool:
        """Whether nothing is left out."""
        return all(self.matches(text) for text in _UNLIKELY)

    @property
    def only(self) -> str | None:
        """The one text that matches, where there is but one."""
        return next(iter(self._texts)) if len(self._texts) == 1 and not self.ignore_case else None


class KeyPattern(_Pattern):
    """A key, or any of several."""

    literals: Annotated[list[Text], Field(min_length=1, max_length=_MOST_LITERALS)] | None = None

    def _kinds(self) -> dict[str, Any]:
        return super()._kinds() | ({} if self.literals is None else {"literals": self.literals})

    def ignoring_case(self) -> "KeyPattern":
        """The same pattern at a cloud to which keys are the same in any case."""
        return KeyPattern(**self._kinds(), ignore_case=True)


class ValuePattern(_Pattern):
    """A value. `expired` is a date's format; the date lies in the past of `timezone`."""

    expired: Annotated[str, StringConstraints(max_length=64)] | None = None
    timezone: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+:/-]{1,64}$")] | None = None
    _zone: tzinfo = PrivateAttr(default=UTC)

    def _kinds(self) -> dict[str, Any]:
        return super()._kinds() | ({} if self.expired is None else {"expired": self.expired})

    @model_validator(mode="after")
    def _dated(self) -> Self:
        if self.expired is None:
            if self.timezone is not None:
                raise ValueError("timezone belongs to expired")
            return self
        _check_format(self.expired)
        self._zone = _zone(self.timezone or "UTC")
        return self

    def hit(self, value: str, now: float) -> Hit:
        """How a value compares; `now` is seconds since the epoch."""
        if self.expired is None:
            return Hit.YES if self.matches(value) else Hit.NO
        try:
            moment = datetime.strptime(value, self.expired)  # noqa: DTZ007 - the zone is put in below
        except ValueError:
            return Hit.NOT_A_DATE
        zone = moment.tzinfo or self._zone
        try:
            if not _CLOCK & set(_DIRECTIVE.findall(self.expired)):
                moment += _DAY  # a day lies in the past once it is over
            passed = moment.replace(tzinfo=zone) <= datetime.fromtimestamp(now, UTC)
        except (OverflowError, ValueError):  # the last day that there is, or the first
            return Hit.NO
        return Hit.YES if passed else Hit.NO


Key = Annotated[KeyPattern, BeforeValidator(_named_key)]
Value = Annotated[ValuePattern, BeforeValidator(_named)]


def _compile(expression: str, *, ignore_case: bool) -> SchemaValidator:
    flags = "(?i)" if ignore_case else ""
    try:
        SchemaValidator(core_schema.str_schema(pattern=expression))  # alone first: it cannot end the group around it
        return SchemaValidator(core_schema.str_schema(pattern=rf"{flags}\A(?:{expression})\z", strict=True))
    except SchemaError as error:
        told = " ".join(str(error).replace('Error building "str" validator:', "").split())
        reason = told.rpartition("error: ")[2].removeprefix("SchemaError: ")
        raise ValueError(f"is no regular expression that this engine takes: {reason[:120]}") from None


def _check_format(text: str) -> None:
    named = _DIRECTIVE.findall(text)
    if unknown := sorted(set(named) - _DIRECTIVES):
        raise ValueError(f"a date's format takes no %{unknown[0]}")
    if not {"Y", "y"} & set(named) or not ({"j"} & set(named) or ({"m", "b", "B"} & set(named) and "d" in named)):
        raise ValueError("a date's format should name the year, the month and the day")
    try:
        datetime.strptime("", text)  # noqa: DTZ007 - tried for its format only
    except ValueError as error:
        if "does not match" not in str(error):
            raise ValueError("is no format of a date") from None
    except re.error:
        raise ValueError("a date's format names each part once") from None


def _zone(name: str) -> tzinfo:
    """A zone by its name, or `+08:00`: not every machine has the names."""
    if name in ("UTC", "Z"):
        return UTC
    if found := _OFFSET.fullmatch(name):
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(offset if found[1] == "+" else -offset)
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError("is no time zone that is known here; an offset such as +08:00 always is") from None
