"""What a campaign asks for: a fleet of resources, and requests of many shapes, all from one seed."""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from clouds import ALL, BY_SERVER, NOT_ALLOWED, Cloud

from local.providers import ProviderServer

Json = dict[str, Any]

KEYS = ("env", "team", "owner", "cost-center", "部门", "expires-on", "stage", "release", "app", "tier")
PROTECTED_PREFIX = "kept-"
PROTECTED = f"{PROTECTED_PREFIX}*"
LARGEST_PAIRS = 5000
BAD_ID = "bad"
"""Ids that begin so are what a cloud refuses a whole call for."""


@dataclass(frozen=True)
class Place:
    """Where a request's resources stand."""

    server: str
    account: str
    region: str
    type: str

    @property
    def cloud(self) -> Cloud:
        """The cloud that this is at."""
        return BY_SERVER[self.server]

    def name(self, id_: str) -> str:
        """What the cloud itself calls a resource here."""
        return self.cloud.name(self.account, self.region, self.type, id_)

    def request(self, ids: list[str], tags: list[Json], **more: Any) -> Json:
        """A removal request for resources here."""
        found: Json = {"provider": self.cloud.provider, "account": self.account}
        if self.cloud.region_field:
            found[self.cloud.region_field] = self.region
        return {**found, "resources": [{"type": self.type, "ids": ids}], "tags": tags, **more}


@dataclass
class Workload:
    """Bodies to send, in order, and what stands at the clouds before the first of them."""

    bodies: list[str] = field(default_factory=list)
    requests: list[Json] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    standing: dict[str, list[Json]] = field(default_factory=lambda: {name: [] for name in BY_SERVER})
    pairs: int = 0
    """Different (request, resource, tag) triples that are asked for."""

    def load(self, servers: Mapping[str, ProviderServer]) -> None:
        """Make the fleet stand at the clouds."""
        for name, rows in self.standing.items():
            servers[name].tags.load(rows)


class Maker:
    """Makes requests until they name enough pairs."""

    def __init__(self, seed: int, pairs: int, only: Sequence[str] = ()) -> None:
        self._clouds = [cloud for cloud in ALL if not only or cloud.server in only]
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._wanted = pairs
        self._number = 0
        self.made = Workload()

    def make(self) -> Workload:
        """The whole workload."""
        waiting: list[Json] = []
        if self._wanted > LARGEST_PAIRS:
            waiting.append(self._request(self._place("jdcloud"), LARGEST_PAIRS // 5, 5))
        while self.made.pairs < self._wanted:
            waiting.append(self._one())
            if len(waiting) > self._random.choice((0, 0, 0, 0, 1, 3)):
                self._send(waiting)
                waiting = []
        if waiting:
            self._send(waiting)
        for _ in range(max(3, len(self.made.bodies) // 100) if self.made.bodies else 0):
            text = self._random.choice(GARBAGE)(self._random)
            self.made.invalid.append(text)
            self.made.bodies.insert(self._random.randrange(len(self.made.bodies)), text)
        return self.made

    def _one(self) -> Json:
        rng = self._random
        wet = [request for request in self.made.requests[-200:] if not request.get("dry_run")]
        if wet and rng.random() < 0.06:  # the same pairs once more, under another id
            again = dict(rng.choice(wet))
            return self._known({**again, "id": self._id("again")})
        server = rng.choices(self._clouds, [cloud.share for cloud in self._clouds])[0].server
        shape = rng.choices(("one", "rows", "column", "block", "wide"), (30, 25, 15, 25, 5))[0]
        most = BY_SERVER[server].most_tags
        count, width = {
            "one": (1, 1),
            "rows": (rng.randint(2, 60), 1),
            "column": (1, rng.randint(2, most)),
            "block": (rng.randint(2, 12), rng.randint(2, 5)),
            "wide": (rng.randint(20, 120 if server == "jdcloud" else 30), rng.randint(2, 4)),
        }[shape]
        place = self._place(server)
        if server == "jdcloud" and self._random.random() < 0.03:
            place = replace(place, account=NOT_ALLOWED)
        return self._request(place, count, width)

    def _place(self, server: str) -> Place:
        rng, cloud = self._random, BY_SERVER[server]
        return Place(server, rng.choice(cloud.accounts), rng.choice(cloud.regions), rng.choice(list(cloud.types)))

    def _request(self, place: Place, count: int, width: int) -> Json:
        rng = self._random
        kind = rng.choices(("remove", "dry", "restore"), (90, 5, 5))[0]
        ids = [self._resource_id(place) for _ in range(count)]
        keys = self._keys(width)
        tags = [{"key": key, "value": rng.choice(place.cloud.values)} for key in keys]
        kept = (
            [{"key": f"{PROTECTED_PREFIX}for-ever", "value": "x"}] if rng.random() < 0.05 and kind == "remove" else []
        )
        if kind != "restore":
            self._stand(place, ids, tags, kept)
        else:
            self._stand_before_restore(place, ids, tags)
        if kind == "remove" and rng.random() < 0.1:  # by the key alone
            tags = [{"key": tag["key"]} for tag in tags]
        tags = [*tags, *kept]
        if place.cloud.caseless and rng.random() < (0.8 if kept else 0.3):
            ids, tags = [id_.lower() for id_ in ids], [{**tag, "key": tag["key"].upper()} for tag in tags]
        more: Json = {"dry": {"dry_run": True}, "restore": {"action": "restore"}}.get(kind, {})
        if kind == "restore" and self._random.random() < 0.2:
            more["overwrite"] = True
        if rng.random() < 0.2:
            more = {**more, "reason": rng.choice(("decommissioned", "报废", "a\tb"))}
        return self._known(place.request(ids, tags, **more, id=self._id(kind)))

    def _stand(self, place: Place, ids: list[str], tags: list[Json], kept: list[Json]) -> None:
        """Most of what is asked for stands there; some has another value, some is gone, some is no resource."""
        rng = self._random
        for id_ in ids:
            chance = rng.random()
            there = {tag["key"]: tag["value"] for tag in tags}
            if chance < 0.01:
                continue
            if chance < 0.04:
                there[rng.choice(list(there))] = "another"
            elif chance < 0.07:
                del there[rng.choice(list(there))]
            elif len(there) < place.cloud.most_tags:
                there |= {tag["key"]: tag["value"] for tag in kept} or {"bystander": "stays"}
            self.made.standing[place.server].append(self._row(place, id_, there))

    def _stand_before_restore(self, place: Place, ids: list[str], tags: list[Json]) -> None:
        """Most resources bear nothing; at some a key has the value already, or another that was set since."""
        rng = self._random
        for id_ in ids:
            value = rng.choices((None, "same", "another"), (80, 5, 15))[0]
            tag = rng.choice(tags)
            there = {} if value is None else {tag["key"]: tag["value"] if value == "same" else value}
            self.made.standing[place.server].append(self._row(place, id_, there))

    @staticmethod
    def _row(place: Place, id_: str, tags: Mapping[str, str]) -> Json:
        place_of = {"account": place.account, "region": place.region, "type": place.type, "id": place.name(id_)}
        return {**place_of, "tags": tags}

    def _keys(self, width: int) -> list[str]:
        names = [*KEYS, *(f"k{number}" for number in range(20))]
        return self._random.sample(names[: max(width, len(KEYS))], width)

    def _resource_id(self, place: Place) -> str:
        """As a request names it: by its bare id, or as the cloud itself does."""
        self._number += 1
        prefix = BAD_ID if self._random.random() < 0.006 else "r"
        id_ = f"{prefix}-{self._number:07d}"
        return place.name(id_) if not place.cloud.bare or self._random.random() < 0.5 else id_

    def _id(self, kind: str) -> str:
        self._number += 1
        return f"{kind}-{self._number:07d}"

    def _known(self, request: Json) -> Json:
        self.made.requests.append(request)
        self.made.pairs += sum(len(group["ids"]) for group in request["resources"]) * len(request["tags"])
        return request

    def _send(self, requests: list[Json]) -> None:
        body: Any = requests[0] if len(requests) == 1 else requests
        for wrap in self._random.choices((_bare, _event, _notification, _both), (70, 15, 10, 5)):
            body = wrap(body)
        self.made.bodies.append(json.dumps(body, ensure_ascii=self._random.random() < 0.5))


def _bare(body: Any) -> Any:
    return body


def _event(body: Any) -> Any:
    return {"detail-type": "Tag Removal Requested", "source": "campaign", "id": "e-1", "detail": body}


def _notification(body: Any) -> Any:
    return {"Type": "Notification", "MessageId": "n-1", "Message": json.dumps(body)}


def _both(body: Any) -> Any:
    return _notification(_event(body))


GARBAGE: tuple[Callable[[random.Random], str], ...] = (
    lambda rng: "{" * rng.randint(1, 3000),
    lambda rng: "[" * rng.randint(1000, 5000),
    lambda rng: json.dumps({"provider": "nocloud", "n": rng.random()}),
    lambda rng: f"not json {rng.random()}",
    lambda rng: f'{{"id": "a", "id": "b", "n": {rng.random()}}}',
    lambda rng: json.dumps([{"provider": "jdcloud", "n": rng.random()}]),
    lambda rng: json.dumps(rng.random()),
)


def workload(seed: int, pairs: int, only: Sequence[str] = ()) -> Workload:
    """The workload of a seed, at some clouds where `only` names their servers."""
    return Maker(seed, pairs, only).make()


def neighbours(count: int, prefix: str, *, account: str = "default") -> Iterator[Json]:
    """Small requests of one account that share their calls."""
    place = Place("jdcloud", account, "cn-north-1", "vm")
    for number in range(count):
        yield place.request([f"{prefix}-{number}"], [{"key": "env", "value": "prod"}], id=f"{prefix}-{number}")
