"""Sample resources with tags, made so that given requests and sweeps have something to remove."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.files.given import Given
from untag.providers import EVERY_TYPE
from untag.sweep.patterns import Hit
from untag.sweep.rules import Except, Rule

VALUE = "example"
"""The value of a tag that is asked for whatever its value is."""
TAGS: Mapping[str, str] = {"env": VALUE, "owner": VALUE}
"""The tags of a resource of which every tag is asked for, and what a sweep that keeps some tags finds to remove."""

_LONG_AGO = timedelta(days=2)

Row = dict[str, Any]


class Examples:
    """The resources that files name. `notes` says what was chosen for them, and what cannot be made up."""

    def __init__(self, given: Given) -> None:
        self.notes: list[str] = []
        self.rows: list[Row] = []
        for request in given.requests:
            self.rows += self._asked_for(request)
        for sweep in given.sweeps:
            for rule in sweep["rules"]:
                self.rows += self._matching(Rule.model_validate(rule))

    def _asked_for(self, request: Mapping[str, Any]) -> Iterator[Row]:
        place = {name: request.get(name) for name in ("provider", "account", "region", "project_id")}
        tags = self._tags(request)
        for group in request["resources"]:
            for id_ in group["ids"]:
                yield {**place, "type": group["type"], "id": id_, "tags": tags}

    def _tags(self, request: Mapping[str, Any]) -> Mapping[str, str]:
        if request.get("action", "remove") == "restore":
            self._note(f"{request['id']} puts tags back: its resources are made without them")
            return {}
        if isinstance(request["tags"], str):
            self._note(f"{request['id']} asks for every tag: its resources get {_written(TAGS)}")
            return TAGS
        if any("value" not in tag for tag in request["tags"]):
            self._note(f"a tag that is asked for with any value gets the value {VALUE}")
        return {tag["key"]: tag.get("value", VALUE) for tag in request["tags"]}

    def _matching(self, rule: Rule) -> Iterator[Row]:
        """A resource for each place where a rule looks, with tags that it matches and removes."""
        key, value = _key_of(rule), _value_of(rule)
        if key is None or value is None or rule.match.hit(key, value, datetime.now(UTC).timestamp()) is not Hit.YES:
            self._note(f"the rule {rule.name}: no tag can be made up that it matches, so nothing is made for it")
            return
        extra = TAGS if isinstance(rule.remove, Except) else _removed(rule)
        tags = {**extra, key: value}
        self._note(f"the rule {rule.name} finds resources with {_written(tags)}")
        for place in rule.places():
            if place.type == EVERY_TYPE:
                self._note(f"the rule {rule.name} names no types: nothing is made for it")
                return
            yield {
                "provider": rule.provider,
                "account": place.account,
                "region": place.region,
                "project_id": rule.project_id,
                "type": place.type,
                "id": f"{rule.name}-example",
                "tags": tags,
            }

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _key_of(rule: Rule) -> str | None:
    key = rule.match.key
    return next(iter(key.literals or ()), None) or key.literal or _of_glob(key.glob)


def _value_of(rule: Rule) -> str | None:
    value = rule.match.value
    if value is None:
        return VALUE
    if value.expired is not None:
        return (datetime.now(UTC) - _LONG_AGO).strftime(value.expired)
    return value.literal if value.literal is not None else _of_glob(value.glob)


def _removed(rule: Rule) -> dict[str, str]:
    """The tags that a rule removes beside those that it looks for."""
    keys = rule.remove if isinstance(rule.remove, list) else []
    listed: list[str | None] = []
    for key in keys:
        listed += key.literals or [key.literal or _of_glob(key.glob)]
    return {key: VALUE for key in listed if key is not None}


def _of_glob(glob: str | None) -> str | None:
    """A text that a glob may match; one with a set of characters is tried as it is."""
    return None if glob is None else glob.replace("*", VALUE).replace("?", "x")


def _written(tags: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in tags.items())
