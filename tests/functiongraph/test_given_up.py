"""What FunctionGraph gives up before a function has begun: it lies in the bucket, and goes on a queue."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from platform_support import Platform, event, platform, request, stored


@pytest.fixture
def tagged() -> Iterator[Platform]:
    with platform() as made:
        for number in range(1, 4):
            made.jdcloud.tags.put("cn-north-1", "vm", f"i-{number}", "env", "prod")
        yield made


def given_up(made: Platform, payload: Any, function: str = "untag-remove", id_: str = "request-9") -> None:
    """As FunctionGraph writes it."""
    text = payload if isinstance(payload, str) else json.dumps(payload)
    body = {
        "timestamp": "2026-01-05T08:10:00Z",
        "request_context": {
            "request_id": id_,
            "function_urn": f"{made.api.urn(function)}:latest",
            "condition": "",
            "approximate_invoke_count": 1,
        },
        "request_payload": text,
        "response_context": {"status_code": 500, "function_error": ""},
        "response_payload": "",
    }
    made.bucket.put(f"given-up/{id_}", stored(body))


def published(*bodies: Any) -> dict[str, Any]:
    """A trigger's event, with these messages."""
    record = event("smn_removal")
    (one,) = record["record"]
    messages = [
        {**one["smn"], "message": json.dumps(body), "message_id": f"m-{number}"} for number, body in enumerate(bodies)
    ]
    return {**record, "record": [{**one, "smn": message} for message in messages]}


def outcomes(made: Platform) -> dict[str, str]:
    return {row["resource_id"]: row["outcome"] for report in made.reports for row in report["outcomes"]}


def test_what_a_trigger_brought_and_nobody_began_is_worked_at_a_minute_later(tagged: Platform) -> None:
    given_up(tagged, published(request(1), request(2)))
    assert tagged.minute()["taken_back"] == 2
    assert outcomes(tagged) == {"i-1": "removed", "i-2": "removed"}
    assert tagged.bucket.keys("given-up/") == []
    assert tagged.queued() == []


def test_a_payload_that_was_handed_over_without_an_answer_is_worked_at(tagged: Platform) -> None:
    given_up(tagged, request(3))
    tagged.minute()
    assert outcomes(tagged) == {"i-3": "removed"}


def test_each_functions_events_go_to_its_own_queue(tagged: Platform) -> None:
    tagged.lost_bells = True
    given_up(tagged, event("cts"), "untag-decommission", "request-1")
    given_up(tagged, event("timer"), "untag-sweep", "request-2")
    assert tagged.minute()["taken_back"] == 2
    assert [len(tagged.queued(queue)) for queue in ("work", "decommission", "sweep")] == [0, 1, 1]


def test_a_bell_and_a_round_of_the_timer_are_not_put_anywhere(tagged: Platform) -> None:
    given_up(tagged, {"untag": 1, "keys": ["work/1780000000-0-m-1"]})
    given_up(tagged, event("timer"), "untag-due", "request-2")
    assert tagged.minute()["taken_back"] == 0
    assert tagged.bucket.keys("given-up/") == []


def test_what_is_not_as_documented_becomes_a_dead_letter_as_it_is(tagged: Platform) -> None:
    tagged.bucket.put("given-up/strange", stored("no such object"))
    tagged.minute()
    (key,) = tagged.bucket.keys("dead/work/given_up/")
    held = tagged.bucket.get(key)
    assert held is not None
    assert json.loads(held.body) == "no such object"


def test_a_message_whose_object_could_not_be_deleted_is_only_done_twice(tagged: Platform) -> None:
    given_up(tagged, published(request(1)))
    again = tagged.bucket.get("given-up/request-9")
    assert again is not None
    tagged.minute()
    tagged.bucket.put("given-up/request-9", again)
    tagged.minute()
    assert len({report["report_id"] for report in tagged.reports}) == len(tagged.reports) == 2
    assert [row["outcome"] for report in tagged.reports for row in report["outcomes"]] == ["removed", "absent"]
