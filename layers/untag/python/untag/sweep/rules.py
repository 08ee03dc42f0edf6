"""Models of a sweep's rules: the places of each, what to look for there, and what to remove."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic import Tag as Choice

from untag.contracts.requests import Account, Project, Region, Type
from untag.providers import EVERY_TYPE, Location
from untag.sweep.patterns import Hit, Key, Value

MAX_RULES = 20
_MOST_PLACES = 100
_MOST_KEPT = 100


class _Input(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Place(NamedTuple):
    """Where a rule looks: one listing's account, region and type (`EVERY_TYPE` for all of them)."""

    account: str
    region: str | None
    type: str


class Match(_Input):
    """Which tags a rule looks for. Without `value` any value will do."""

    key: Key
    value: Value | None = None

    def hit(self, key: str, value: str, now: float) -> Hit:
        """Whether a tag is meant."""
        if not self.key.matches(key):
            return Hit.NO
        return Hit.YES if self.value is None else self.value.hit(value, now)

    def hit_of_any(self, tags: Mapping[str, str], now: float) -> Hit:
        """Whether one of a resource's tags is meant; if none is, whether one of them should be a date and is not."""
        hits = {self.hit(key, value, now) for key, value in tags.items()}
        return Hit.YES if Hit.YES in hits else Hit.NOT_A_DATE if Hit.NOT_A_DATE in hits else Hit.NO

    def is_every_tag(self) -> bool:
        """Whether no tag is left out."""
        value = self.value
        anything = value is None or (value.expired is None and value.matches_everything())
        return anything and self.key.matches_everything()


class Except(_Input):
    """Every tag but these."""

    kept: Annotated[list[Key], Field(min_length=1, max_length=_MOST_KEPT, alias="except")]


def _kind_of_removal(value: Any) -> str:
    return _EXCEPT if isinstance(value, Mapping | Except) else _LISTED


_LISTED, _EXCEPT = "listed", "all-but"
CHOICES = frozenset({_LISTED, _EXCEPT})
"""Names of what may stand in one place of a rule. They are no part of the sender's document."""

Removal = Annotated[
    Annotated[list[Key], Field(min_length=1, max_length=10), Choice(_LISTED)] | Annotated[Except, Choice(_EXCEPT)],
    Discriminator(_kind_of_removal),
]
"""Keys to remove, or those to keep."""


def _every_type(value: Any) -> Any:
    return [value] if value == EVERY_TYPE else value


class Rule(_Input):
    """One rule. `remove` left out means the tags that matched; `limit` counts resources.

    With a `grace`, of hours or days, tags are announced when they are found, and go after it if they still match.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    provider: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    account: Account = "default"
    accounts: Annotated[list[Account], Field(min_length=1, max_length=_MOST_PLACES)] | None = None
    regions: Annotated[list[Region], Field(max_length=_MOST_PLACES)] = []
    project_id: Project | None = None
    types: Annotated[list[Type], Field(min_length=1, max_length=_MOST_PLACES), BeforeValidator(_every_type)]
    remove: Removal | None = None
    match: Match
    limit: Annotated[int, Field(ge=1)] | None = None
    grace: Annotated[str, StringConstraints(pattern=r"^([1-9][0-9]{0,2}h|[1-9][0-9]?d)$")] | None = None

    @field_validator("match")
    @classmethod
    def _says_something(cls, match: Match, info: ValidationInfo) -> Match:
        # What is kept says enough: `limit` bounds what goes.
        if match.is_every_tag() and not isinstance(info.data.get("remove"), Except):
            raise ValueError("matches every tag there is: name a key, or a value")
        return match

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.project_id is not None and len(self.regions) > 1:
            raise ValueError("project_id is one region's: name one region with it, or make it a rule for each")
        if "account" in self.model_fields_set and self.accounts is not None:
            raise ValueError("account and accounts say the same: name one of them")
        if EVERY_TYPE in self.types and len(self.types) > 1:
            raise ValueError('types is "all", or a list without it')
        if isinstance(self.remove, Except) and (self.limit is None or EVERY_TYPE in self.types):
            raise ValueError('a rule that removes every tag but some needs a limit, and types that are not "all"')
        return self

    def places(self) -> Iterator[Place]:
        """Every place, in the order in which it is looked at."""
        for account in self.account_names():
            for region in dict.fromkeys(self.regions) or [None]:
                for type_ in dict.fromkeys(self.types):
                    yield Place(account, region, type_)

    def account_names(self) -> list[str]:
        """The accounts that are looked at, each once."""
        return list(dict.fromkeys(self.accounts or [self.account]))

    def where(self, place: Place) -> list[str | None]:
        """A place with what the rule says of all its places, as a message carries it."""
        return [self.provider, self.project_id, *place]

    def grace_seconds(self) -> int:
        """The time between a tag's being found and its removal."""
        return int(self.grace[:-1]) * (86400 if self.grace[-1] == "d" else 3600) if self.grace else 0

    def location(self, place: Place) -> Location:
        """Where the resources of a place are."""
        return Location(place.account, place.region, self.project_id)

    def ignoring_case(self) -> Self:
        """The same rule at a cloud to which keys are the same in any case."""
        match = self.match.model_copy(update={"key": self.match.key.ignoring_case()})
        remove = self.remove
        if isinstance(remove, Except):
            remove = remove.model_copy(update={"kept": [key.ignoring_case() for key in remove.kept]})
        elif remove is not None:
            remove = [key.ignoring_case() for key in remove]
        return self.model_copy(update={"match": match, "remove": remove})

    def chosen(self, tags: Mapping[str, str], now: float) -> dict[str, str]:
        """The tags of a matching resource that are to go."""
        if self.remove is None:
            return {key: value for key, value in tags.items() if self.match.hit(key, value, now) is Hit.YES}
        but = isinstance(self.remove, Except)
        named = self.remove.kept if isinstance(self.remove, Except) else self.remove
        return {key: value for key, value in tags.items() if any(one.matches(key) for one in named) is not but}
