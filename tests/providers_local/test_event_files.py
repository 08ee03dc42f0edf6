"""The payloads in events/: well formed, and made for the tags that seed.json puts at the local clouds."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.audit.decommissioned import gone
from local.providers import SERVERS, ProviderServer
from local.providers.server import SEED_FILE
from untag.contracts import InvalidInputError, RemovalRequest, parse_requests, unwrap

EVENTS = Path(__file__).parents[2] / "events"
WAYS = ("manual", "sqs_batch", "eventbridge", "partial_failure", "invalid", "dry_run", "restore")
SERVER_OF = {"jdcloud": "jdcloud", "huaweicloud": "huaweicloud-config", "huaweicloud_tms": "huaweicloud-tms"}
"""The local server by what its files' names begin with: a cloud, and its API where it has several."""
FILES = [f"{api}_{way}" for api in SERVER_OF for way in WAYS]


def load(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


def requests_in(event: Any) -> Iterator[RemovalRequest]:
    bodies = [(record["body"], record["messageId"]) for record in event.get("Records", ())] or [(event, "by-hand")]
    for body, own_id in bodies:
        unwrapped = unwrap(body, own_id)
        yield from parse_requests(unwrapped.payload, unwrapped.id)


@pytest.fixture(params=SERVER_OF)
def api(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def seeded(api: str) -> ProviderServer:
    server = SERVERS[SERVER_OF[api]]()
    server.seed()
    return server


@pytest.mark.parametrize("name", FILES)
def test_every_way_in_has_an_event_for_every_provider(name: str) -> None:
    event = load(name)
    if name.endswith("_invalid"):
        with pytest.raises(InvalidInputError) as caught:
            list(requests_in(event))
        assert len(caught.value.problems) > 1
    else:
        found = list(requests_in(event))
        assert {request.provider for request in found} == {name.partition("_")[0]}
        assert len({request.id for request in found}) == len(found)


def test_a_batch_comes_as_lambda_gets_it(api: str) -> None:
    records = load(f"{api}_sqs_batch")["Records"]
    for record in records:
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()  # noqa: S324 - as SQS does
    assert len({record["messageId"] for record in records}) == len(records) == 4


def test_what_the_events_name_stands_at_the_cloud(api: str, seeded: ProviderServer) -> None:
    held = {(row["type"], row["id"]): row["tags"] for row in _rows(seeded)}
    for way in ("manual", "sqs_batch", "eventbridge"):
        for request in requests_in(load(f"{api}_{way}")):
            for type_, ids in request.ids_by_type().items():
                for name in ids:
                    for tag in request.distinct_tags():
                        assert tag.key in held[type_, name], "something to remove"
                        assert tag.value in {None, held[type_, name][tag.key]}


def test_events_do_not_share_resources(api: str) -> None:
    taken: set[tuple[str, str]] = set()
    for way in WAYS:
        if way == "invalid":
            continue
        named = {
            (type_, name)
            for request in requests_in(load(f"{api}_{way}"))
            for type_, ids in request.ids_by_type().items()
            for name in ids
        }
        assert not named & taken, "so that they can be sent in any order"
        taken |= named


def test_every_decommission_event_is_of_something_that_stands_at_a_cloud_and_in_no_other_file() -> None:
    held = {
        (server.provider, row["type"], row["id"])
        for server in map(_seeded, SERVER_OF.values())
        for row in _rows(server)
    }
    taken: set[tuple[str, str, str]] = set()
    for path in sorted(EVENTS.glob("decommission_*.json")):
        named = {found[:1] + found[2:4] for found in gone(json.loads(path.read_text(encoding="utf-8")))}
        assert named
        assert named <= held
        assert not named & taken, "so that they can be sent in any order"
        taken |= named
    for api in SERVER_OF:
        for way in set(WAYS) - {"invalid"}:
            for request in requests_in(load(f"{api}_{way}")):
                named = {(request.provider, type_, id_) for type_, ids in request.ids_by_type().items() for id_ in ids}
                assert not named & taken
    assert {provider for provider, _, _ in taken} == {"jdcloud", "huaweicloud"}


def _seeded(name: str) -> ProviderServer:
    server = SERVERS[name]()
    server.seed()
    return server


def test_the_partial_failure_has_one_of_each(api: str, seeded: ProviderServer) -> None:
    (request,) = requests_in(load(f"{api}_partial_failure"))
    (ids,) = request.ids_by_type().values()
    known = {row["id"] for row in _rows(seeded)}
    (fault,) = seeded.faults
    good, held_back, unknown = ids
    assert (good in known, held_back in known, unknown in known) == (True, True, False)
    assert fault.ids == (held_back,)


def _rows(server: ProviderServer) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(SEED_FILE.read_text(encoding="utf-8"))[server.name]["resources"]
    return rows
