"""Google Cloud's services in bad weather, with another writer at work: nothing is lost, made up, or touched unasked."""

import random
from collections import Counter
from typing import Any

import pytest
from gcp_support import house_of
from service_house import House, record

from local.providers import GcpServer
from local.providers.faults import Verdict
from local.providers.server import Answer, Ask
from local.providers.tag_table import Cause

PLACES = {
    "compute.googleapis.com/Instance": "//compute.googleapis.com/projects/demo-project/zones/us-east1-b/instances/{}",
    "compute.googleapis.com/Disk": "//compute.googleapis.com/projects/demo-project/zones/us-east1-b/disks/{}",
    "storage.googleapis.com/Bucket": "//storage.googleapis.com/{}",
    "bigquery.googleapis.com/Dataset": "//bigquery.googleapis.com/projects/demo-project/datasets/d_{}",
    "pubsub.googleapis.com/Topic": "//pubsub.googleapis.com/projects/demo-project/topics/{}",
    "container.googleapis.com/Cluster": (
        "//container.googleapis.com/projects/demo-project/locations/us-east1/clusters/{}"
    ),
    "secretmanager.googleapis.com/Secret": "//secretmanager.googleapis.com/projects/123456789012/secrets/{}",
}
WITHOUT_A_VERSION = "pubsub.googleapis.com/Topic"
WEATHER: tuple[tuple[str, dict[str, Any]], ...] = (
    ("throttle", {"probability": 0.05}),
    ("unavailable", {"probability": 0.04}),
    ("unavailable", {"probability": 0.03, "operation": "writing", "applied": True}),
    ("reset", {"probability": 0.03, "operation": "writing", "applied": True}),
    ("reset", {"probability": 0.03}),
    ("truncate", {"probability": 0.03}),
    ("empty", {"probability": 0.02, "operation": "writing", "applied": True}),
    ("not_json", {"probability": 0.02}),
    ("other_ids", {"probability": 0.03}),
    ("redirect", {"probability": 0.01}),
    ("partial", {"probability": 0.03, "code": "RESOURCE_NOT_READY"}),
    ("partial", {"probability": 0.03, "code": "RESOURCE_NOT_READY", "applied": True}),
)


def name(type_: str, number: int) -> str:
    return PLACES[type_].format(f"r{number:03}")


class WithAnotherWriter(GcpServer):
    """A local Google Cloud where somebody else changes labels just before some of our writes."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        self.chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.set_since: set[tuple[str, str, str]] = set()
        """The values of `env` that came to be so."""

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:
        if ask.route.writing and ask.type not in {"", WITHOUT_A_VERSION} and self.chance.random() < 0.2:
            key = self.chance.choice(["env", "theirs"])
            self.tags.put("", ask.type, ask.ids[0], key, "dev")
            if key == "env":
                self.set_since.add((ask.ids[0], "env", "dev"))
        return super().apply(ask, cause, verdict)


def until_nothing_waits(house: House) -> int:
    """Bring back what is left, a quarter of an hour later, until nothing is; gives how often."""
    for rounds in range(200):
        left = house.aws.messages()
        if not left:
            return rounds
        for queue in house.aws.queues.values():
            queue.clear()
        house.clock.seconds += 900
        house.batch(*(record(body, f"again-{rounds}-{number}") for number, body in enumerate(left)))
    raise AssertionError("it does not end")


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 6])
def test_every_pair_ends_with_what_really_became_of_it(seed: int) -> None:
    cloud = WithAnotherWriter(seed)
    places = [(type_, name(type_, number)) for type_ in PLACES for number in range(20)]
    for type_, id_ in places:
        labels = {"env": "prod", "team": "web", "keep": "1", "goog-managed-by": "x"}
        cloud.tags.load([{"type": type_, "id": id_, "tags": labels}])
    for do, how in WEATHER:
        cloud.faults.add(do, **how)
    raws = [
        {
            "id": f"chg-{number}",
            "provider": "gcp",
            "resources": [{"type": type_, "ids": [id_]} for type_, id_ in places[number::7]],
            "tags": [{"key": "env", "value": "prod"}, {"key": "team"}],
        }
        for number in range(7)
    ]
    with house_of(cloud) as house:
        house.batch(*(record(raw, raw["id"]) for raw in raws))
        until_nothing_waits(house)
        rows = [row for raw in raws for row in house.rows(raw["id"])]
    asked = Counter((id_, key) for _, id_ in places for key in ("env", "team"))
    assert Counter((row["resource_id"], row["key"]) for row in rows) == asked
    gone = {(change.id, change.key, change.before) for change in cloud.tags.history if change.after is None}
    assert gone <= {(id_, key, value) for _, id_ in places for key, value in (("env", "prod"), ("team", "web"))}
    assert cloud.set_since
    assert not gone & cloud.set_since
    for row in rows:
        pair = (row["resource_id"], row["key"], "prod" if row["key"] == "env" else "web")
        stands = cloud.tags.get("default", "", row["type"], row["resource_id"])
        if row["outcome"] == "removed":
            assert pair in gone, row
        elif row["outcome"] == "absent":
            assert (stands or {}).get(row["key"]) != pair[2], row
            # `was` is the value before a write that may have been applied, which undo needs; or another has changed it.
            assert (row.get("was") == pair[2]) is (pair in gone) or (pair[0], "env", "dev") in cloud.set_since, row
    assert {row["outcome"] for row in rows} <= {"removed", "absent", "failed", "unconfirmed"}
    failed = {row["code"] for row in rows if row["outcome"] == "failed"}
    assert failed <= {"HTTP_302", "RESOURCE_IN_USE", "code_9"}, "what passes is tried again"
    untouched = [cloud.tags.get("default", "", *place) or {} for place in places]
    assert all(labels["keep"] == "1" and labels["goog-managed-by"] == "x" for labels in untouched)
