"""What FunctionGraph gives up before a function has begun: it lies in the bucket, and goes on a queue."""

import json
from typing import Any

import pytest
from platform_support import Platform, event, request, stored


@pytest.fixture
def tagged(platform: Platform) -> Platform:
    platform.tag(3, env="prod")
    return platform


def given_up(made: Platform, payload: Any, function: str = "untag-remove", id_: str = "request-9") -> None:
    """As FunctionGraph writes it."""
    text = payload if isinstance(payload, str) else json.dumps(payload)
    body = {
        "timestamp": "2026-01-05T08:10:00Z",
        "request_context": {
            "request_id": id_,
            "function_urn": made.api.urn(function),
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


@pytest.mark.parametrize("name", ["a name", "a#b?c", "ü%41", "a+b=c"])
def test_an_object_of_any_name_is_taken(tagged: Platform, name: str) -> None:
    given_up(tagged, request(3), id_=name)
    tagged.minute()
    assert outcomes(tagged) == {"i-3": "removed"}
    assert tagged.bucket.keys("given-up/") == []


def test_half_a_character_in_an_event_keeps_nobody_waiting(tagged: Platform) -> None:
    trace = event("cts")
    trace["cts"]["resource_name"] = "disk-\ud83d"
    assert tagged.invoke("decommission", trace)["records"] == 1
    given_up(tagged, trace, "untag-decommission")
    tagged.send(request(1))
    tagged.minute()
    assert outcomes(tagged)["i-1"] == "removed"
    assert tagged.bucket.keys("given-up/") == []


def test_what_nobody_can_be_found_for_becomes_a_dead_letter(tagged: Platform) -> None:
    given_up(tagged, request(1), "another-function")
    tagged.minute()
    assert len(tagged.bucket.keys("dead/work/given_up/")) == 1
    assert tagged.bucket.keys("given-up/") == []


def test_a_version_or_an_alias_of_a_function_is_the_function(tagged: Platform) -> None:
    tagged.variables["UNTAG_REMOVE_FUNCTION"] = tagged.api.urn("untag-remove").replace(":latest", "") + ":prod"
    tagged.new_process()
    given_up(tagged, request(1))
    assert tagged.minute()["taken_back"] == 1


def test_two_sources_events_of_one_id_are_two(tagged: Platform) -> None:
    for number in (1, 2):
        made = {"specversion": "1.0", "id": "1", "source": f"source-{number}", "type": "t", "data": request(number)}
        given_up(tagged, made, id_=f"request-{number}")
    tagged.minute()
    assert outcomes(tagged) == {"i-1": "removed", "i-2": "removed"}
