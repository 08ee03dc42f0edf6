"""The tags that stand at a local cloud, in memory, with every change and the call that made it."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple


class Pair(NamedTuple):
    """One tag on one resource."""

    account: str
    region: str
    type: str
    id: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Cause:
    """The call on whose behalf a tag is changed."""

    call: int
    request_id: str
    operation: str


@dataclass(frozen=True, slots=True)
class Change:
    """One tag that a call changed: `before` and `after` are values, None where there was or is no tag."""

    time: float
    call: int
    request_id: str
    operation: str
    account: str
    region: str
    type: str
    id: str
    key: str
    before: str | None
    after: str | None

    def as_dict(self) -> dict[str, Any]:
        """The change as JSON carries it."""
        return asdict(self)


class Holding(NamedTuple):
    """A resource and its tags, as a read found them (the dict is a copy)."""

    region: str
    type: str
    id: str
    tags: dict[str, str]


class TagTable:
    """Tags by account, region, type and id; safe to use from any thread.

    A resource can stand here with no tag at all. `history` grows by one row for each tag that a call to the
    cloud changed, and by nothing else: what a test or a seed puts here is no history. So a test can hold
    every row against what was asked for.

    A cloud without regions uses the region "". `same_key` gives a key in a form that is equal for keys that are one to
    the cloud: a resource has one of them, in the spelling that stood there first.
    """

    def __init__(self, same_key: Callable[[str], str] = str) -> None:
        self._same_key = same_key
        self.lock = threading.RLock()
        self._resources: dict[tuple[str, str, str], dict[str, dict[str, str]]] = {}
        self._history: list[Change] = []

    # What tests, seeds and the control routes do.

    def put(
        self,
        region: str,
        resource_type: str,
        resource_id: str,
        key: str | None = None,
        value: str = "",
        *,
        account: str = "default",
    ) -> None:
        """Set one tag, making the resource where there is none; without `key`, only make the resource."""
        with self.lock:
            tags = self._resources.setdefault((account, region, resource_type), {}).setdefault(resource_id, {})
            if key is not None:
                tags[self._stored(tags, key)] = value

    def remove(
        self,
        region: str,
        resource_type: str,
        resource_id: str,
        key: str | None = None,
        *,
        account: str = "default",
    ) -> None:
        """Take away one tag, or without `key` the whole resource; what is not there stays so."""
        with self.lock:
            resources = self._resources.get((account, region, resource_type), {})
            if key is None:
                resources.pop(resource_id, None)
            else:
                tags = resources.get(resource_id, {})
                tags.pop(self._stored(tags, key), None)

    def load(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Set resources from rows `{account?, region?, type, id, tags: {key: value}}`.

        The tags of a resource that is named are replaced as a whole. Raises KeyError or TypeError for a row
        of another shape, before anything is changed.
        """
        ready = [
            (
                (str(row.get("account", "default")), str(row.get("region", "")), str(row["type"])),
                str(row["id"]),
                {str(key): str(value) for key, value in dict(row.get("tags", {})).items()},
            )
            for row in rows
        ]
        with self.lock:
            for scope, resource_id, tags in ready:
                held = self._resources.setdefault(scope, {})[resource_id] = {}
                for key, value in tags.items():
                    held[self._stored(held, key)] = value

    def clear(self) -> None:
        """Forget every resource and the history."""
        with self.lock:
            self._resources.clear()
            self._history.clear()

    def snapshot(self) -> dict[str, dict[str, dict[str, dict[str, dict[str, str]]]]]:
        """Everything as plain dicts: account -> region -> type -> id -> {key: value}."""
        answer: dict[str, dict[str, dict[str, dict[str, dict[str, str]]]]] = {}
        with self.lock:
            for (account, region, resource_type), resources in sorted(self._resources.items()):
                regions = answer.setdefault(account, {}).setdefault(region, {})
                regions[resource_type] = {name: dict(tags) for name, tags in resources.items()}
        return answer

    def pairs(self) -> set[Pair]:
        """Every tag that stands here."""
        with self.lock:
            return {
                Pair(*scope, resource_id, key, value)
                for scope, resources in self._resources.items()
                for resource_id, tags in resources.items()
                for key, value in tags.items()
            }

    @property
    def history(self) -> list[Change]:
        """Every change that a call made, oldest first (a copy)."""
        with self.lock:
            return list(self._history)

    # What the clouds' operations do. A cloud holds `lock` for the length of one call.

    def get(self, account: str, region: str, resource_type: str, resource_id: str) -> dict[str, str] | None:
        """A copy of one resource's tags; None where there is no such resource."""
        with self.lock:
            tags = self._resources.get((account, region, resource_type), {}).get(resource_id)
            return None if tags is None else dict(tags)

    def select(
        self,
        account: str,
        region: str | None = None,
        types: Iterable[str] | None = None,
        ids: Iterable[str] | None = None,
        matching: Callable[[Mapping[str, str]], bool] | None = None,
    ) -> Iterator[Holding]:
        """The resources of an account; `region`, `types`, `ids` and `matching` narrow it, None leaves open.

        `matching` sees a resource's tags before they are copied: of a million resources, most are often not meant.
        """
        wanted_types = None if types is None else set(types)
        wanted_ids = None if ids is None else list(dict.fromkeys(ids))
        with self.lock:
            for (owner, where, resource_type), resources in sorted(self._resources.items()):
                if owner != account or (region is not None and where != region):
                    continue
                if wanted_types is not None and resource_type not in wanted_types:
                    continue
                names = resources if wanted_ids is None else [name for name in wanted_ids if name in resources]
                for name in list(names):
                    tags = resources[name]
                    if matching is None or matching(tags):
                        yield Holding(where, resource_type, name, dict(tags))

    def change(self, cause: Cause, pair: Pair, after: str | None) -> None:
        """Set (or with None: take away) one tag because a call asked for it, and write it down."""
        with self.lock:
            tags = self._resources[pair[:3]][pair.id]
            pair = pair._replace(key=self._stored(tags, pair.key))
            before = tags.pop(pair.key, None) if after is None else tags.get(pair.key)
            if after is not None:
                tags[pair.key] = after
            if before != after:
                place = (pair.account, pair.region, pair.type, pair.id, pair.key)
                who = (time.time(), cause.call, cause.request_id, cause.operation)
                self._history.append(Change(*who, *place, before, after))

    def _stored(self, tags: Mapping[str, str], key: str) -> str:
        """A key as it is written among a resource's tags; as it is given where it is not there."""
        if key in tags:
            return key
        same = self._same_key(key)
        return next((there for there in tags if self._same_key(there) == same), key)
