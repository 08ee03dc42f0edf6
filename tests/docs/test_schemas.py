"""That the schemas are current and well formed, and that every event and all that a local run says is what they say."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from docs_support import DOCUMENTS, ROOT, problems, request, strict_problems
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import validate

from local.aws import routing
from local.stack import Overrides, Stack
from tools.schemas.documents import documents
from tools.schemas.writing import DOCS, broken, files, released

EVENTS = sorted((ROOT / "events").glob("*.json"))
GONE = ROOT / "events" / "decommission_jdcloud.json"
NOT_THERE = {"provider": "jdcloud", "region": "cn-north-1", "resources": [{"type": "vm", "ids": ["i-9", "i-gone01"]}]}
SCHEMA_OF_QUEUE = {"": "removal-message", "DecommissionQueue": "decommission-message", "SweepQueue": "sweep"}
SCHEMA_OF_DETAIL_TYPE = {"Tag Removal Requested": "removal-event", "Resource Decommissioned": "decommission-event"}
SCHEMA_OF_KIND = {
    "removal": "removal-report",
    "rejected": "rejected-report",
    "decommission": "decommission-notice",
    "sweep": "sweep-notice",
}


def test_every_generated_file_is_current_and_there_is_no_other() -> None:
    made = files()
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, f"{path} is not current: make pages"
    there = {path for path in (DOCS / "schemas").rglob("*") if path.is_file() and path.parent.name != "released"}
    assert there == made.keys() - {DOCS / "asyncapi.yaml"}


def test_the_documents_are_schemas_of_their_drafts() -> None:
    for path in files():
        if path.suffix != ".json":
            continue
        schema = json.loads(path.read_text(encoding="utf-8"))
        if path.parent.name == "openapi":
            validate(schema)
        else:
            jsonschema_rs.meta.validate(schema)
            jsonschema_rs.meta.validate({**schema, "$schema": "http://json-schema.org/draft-07/schema#"})


def test_no_released_schema_is_broken_without_a_step_of_its_version() -> None:
    assert broken(released(), documents()) == []
    assert released().keys() == DOCUMENTS.keys()


def sent(event: Any) -> Iterator[tuple[str, Any]]:
    """What an event file puts on a bus or a queue, each with its schema."""
    for item in routing.route(event):
        if isinstance(item, routing.BusEvent):
            detail_type = item.entry["DetailType"]
            yield SCHEMA_OF_DETAIL_TYPE[detail_type], event
        else:
            yield SCHEMA_OF_QUEUE[item.queue], json.loads(item.body)


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_every_event_file_is_what_its_schema_says(path: Any) -> None:
    event = json.loads(path.read_text(encoding="utf-8"))
    for name, instance in sent(event):
        found = problems(name, instance)
        if path.stem == "sweep_invalid":
            assert found == [], "what is wrong with its patterns is the engine's to say"
        elif "invalid" in path.stem:
            assert found
        else:
            assert found == []


@pytest.mark.parametrize("name", ["removal-event", "decommission-event"])
def test_the_code_bindings_schema_takes_the_events_of_the_bus(name: str) -> None:
    whole = json.loads((DOCS / "schemas" / "openapi" / f"{name}.json").read_text(encoding="utf-8"))
    validator = OAS30Validator({"$ref": "#/components/schemas/AWSEvent", "components": whole["components"]})
    events = [event for path in EVENTS for event in [json.loads(path.read_text(encoding="utf-8"))]]
    mine = [event for event in events if SCHEMA_OF_DETAIL_TYPE.get(event.get("detail-type")) == name]
    assert len(mine) >= 3
    for event in mine:
        assert validator.is_valid(event) is (problems(name, event) == [])
        assert not validator.is_valid({**event, "detail": {**event["detail"], "provider": "nocloud"}})


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    overrides = Overrides(environment={"UNTAG_RATE": "2000"}, visibility_timeout=4.0, batching_window=0.1, max_delay=1)
    with Stack(overrides=overrides) as running:
        running.seed()
        running.providers["jdcloud"].faults.add("throttle", ids=("i-batch03",), times=4, retry_after=1)
        for path in EVENTS:
            running.send(path)
        running.send("{", queue="WorkQueue")
        running.send(
            json.dumps({"record": [{"smn": {"message": "no JSON", "topic_urn": "t"}}]}), queue="DecommissionQueue"
        )
        running.send({**json.loads(GONE.read_text(encoding="utf-8")), "detail": NOT_THERE})
        running.providers["jdcloud"].tags.put("cn-north-1", "vm", "i-all01", "env", "prod")
        for asked in (
            request(id="nothing", batch="cleanup-1", region="cn-nroth-1"),
            request(id="every-tag", batch="cleanup-1", resources=[{"type": "vm", "ids": ["i-all01"]}], tags="all"),
            request(id="too-many", resources=[{"type": "vm", "ids": [f"i-{number}" for number in range(1001)]}]),
            request(id="refused", batch="cleanup-1", tags=[{"key": "env", "value": None}]),
        ):
            running.send(asked, queue="WorkQueue")
        running.drain()
        yield running


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_everything_that_a_local_run_publishes_is_what_its_schema_says_and_nothing_more(stack: Stack) -> None:
    kinds = set()
    for notification in stack.notifications():
        body = notification.body
        assert strict_problems(SCHEMA_OF_KIND[body["kind"]], body) == []
        assert {name: body[name] for name in notification.attributes} == dict(notification.attributes)
        kinds.add(body["kind"])
    assert kinds == SCHEMA_OF_KIND.keys()
    assert [body for body in stack.reports() if body["kind"] == "decommission" and body["details"]]
    statuses = {body["status"] for body in stack.reports() if body["kind"] == "removal"}
    assert statuses >= {"succeeded", "unchanged", "partial", "deferred"}
    said = {body["id"]: body for body in reversed(stack.reports())}  # a record may come again
    assert (said["nothing"]["status"], said["every-tag"]["status"]) == ("unchanged", "succeeded")
    assert {said[id_]["batch"] for id_ in ("nothing", "every-tag", "refused")} == {"cleanup-1"}
    assert said["too-many"]["held_back"]["code"] == "too_many_pairs"
    assert said["refused"]["kind"] == "rejected"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_dead_letter_of_a_local_run_is_what_its_schema_says(stack: Stack) -> None:
    letters = stack.dead_letters()
    for letter in letters:
        assert strict_problems("dead-letter", {"body": letter.body, "attributes": dict(letter.attributes)}) == []
        if letter.attributes["code"] != "invalid":
            assert problems("removal-message", json.loads(letter.body)) == []
    assert {letter.attributes["code"] for letter in letters} > {"invalid"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_answered_to_a_person_is_what_its_schema_says(stack: Stack) -> None:
    for path in EVENTS:
        event = json.loads(path.read_text(encoding="utf-8"))
        sweeps = path.stem.startswith("sweep")
        if not (sweeps or path.stem.endswith(("_manual", "_invalid", "_dry_run"))):
            continue
        answer = stack.invoke("SweepFunction" if sweeps else "RemoveTagsFunction", event)
        if path.stem.endswith("_invalid"):
            assert answer.error == "Unhandled"
            assert strict_problems("invocation-error", json.loads(answer.value["errorMessage"])) == []
        else:
            assert not answer.error
            assert strict_problems("sweep-answer" if sweeps else "removal-answer", answer.value) == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_left_to_try_again_is_what_its_schema_says_and_can_be_sent(stack: Stack) -> None:
    cloud = stack.providers["jdcloud"]
    for id_ in ("i-left1", "i-left2"):
        cloud.tags.put("cn-north-1", "vm", id_, "env", "prod")
    fault = cloud.faults.add("throttle", ids=("i-left1",), times=100, retry_after=6)
    asked = request(id="left", resources=[{"type": "vm", "ids": ["i-left1", "i-left2"]}])
    with stack.paused():
        for payload in (
            asked,
            [asked, request(id="left-too", action="remove", reason="why", account="default")],
        ):
            stack.invoke("RemoveTagsFunction", payload)
        bodies = [json.loads(message.body) for message in stack.messages("WorkQueue")]
        assert len(bodies) == 2
        for body in bodies:
            assert problems("remainder", body) == []
            assert problems("removal-message", body) == []
        stack.purge("WorkQueue")
    assert fault.injected
    assert problems("remainder", asked), "a request that was never tried is none"
