"""What a sweep is told: rules, each with its places, what to look for there, and what to remove of it."""

from collections.abc import Iterator
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from untag.contracts.requests import Account, Project, Region, Type
from untag.providers import Location
from untag.sweep.patterns import Hit, Key, Value

MAX_RULES = 20
_MOST_PLACES = 100


class _Input(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Place(NamedTuple):
    """Where a rule looks: one listing's region and type."""

    region: str | None
    type: str


class Match(_Input):
    """Which tags a rule looks for. Without `value` any value will do."""

    key: Key
    value: Value | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        value = self.value
        if self.key.matches_everything() and (value is None or (value.expired is None and value.matches_everything())):
            raise ValueError("matches every tag there is: name a key, or a value")
        return self

    def hit(self, key: str, value: str, now: float) -> Hit:
        """Whether a tag is meant."""
        if not self.key.matches(key):
            return Hit.NO
        return Hit.YES if self.value is None else self.value.hit(value, now)


class Rule(_Input):
    """One rule. `remove` left out means the tags that matched; `limit` counts resources."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    provider: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    account: Account = "default"
    regions: Annotated[list[Region], Field(max_length=_MOST_PLACES)] = []
    project_id: Project | None = None
    types: Annotated[list[Type], Field(min_length=1, max_length=_MOST_PLACES)]
    match: Match
    remove: Annotated[list[Key], Field(min_length=1, max_length=10)] | None = None
    limit: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _places_make_sense(self) -> Self:
        if self.project_id is not None and len(self.regions) > 1:
            raise ValueError("project_id is one region's: name one region with it, or make it a rule for each")
        return self

    def places(self) -> Iterator[Place]:
        """Every place, in the order in which it is looked at."""
        for region in dict.fromkeys(self.regions) or [None]:
            for type_ in dict.fromkeys(self.types):
                yield Place(region, type_)

    def location(self, place: Place) -> Location:
        """Where the resources of a place are."""
        return Location(self.account, place.region, self.project_id)

    def ignoring_case(self) -> Self:
        """The same rule at a cloud to which keys are the same in any case."""
        match = self.match.model_copy(update={"key": self.match.key.ignoring_case()})
        remove = None if self.remove is None else [key.ignoring_case() for key in self.remove]
        return self.model_copy(update={"match": match, "remove": remove})

    def chosen(self, tags: dict[str, str], now: float) -> dict[str, str]:
        """The tags of a matching resource that are to go."""
        if self.remove is None:
            return {key: value for key, value in tags.items() if self.match.hit(key, value, now) is Hit.YES}
        return {key: value for key, value in tags.items() if any(one.matches(key) for one in self.remove)}
