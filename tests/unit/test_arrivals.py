"""Every way in to a function: a queue, Pipes, a notification, an envelope, a payload by hand; and what is none."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aws_model import down
from bookkeeping import Json
from decommission_samples import ours, trace
from decommission_support import Desk, pairs
from decommission_support import jd as stand
from lambda_support import FUNCTIONS, app, context, sqs_event, sqs_records
from service_house import House, jd_request, put, taken_away
from support import errors_of
from sweep_support import JD, Broom, many

from untag.contracts.rejections import InvocationError

EVENTS = sorted((FUNCTIONS.parent / "events" / "direct").glob("*.json"))
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Functions:
    """The three functions, each with its own AWS and clouds in virtual time."""

    def __init__(self, house: House, desk: Desk, broom: Broom) -> None:
        self.house, self.desk, self.broom = house, desk, broom
        self.clocks = {"remove_tags": house.clock, "decommission": desk.clock, "sweep": broom.clock}
        self.made = {"remove_tags": house.remover, "decommission": desk.made, "sweep": broom.sweeper}

    def invoke(self, function: str, event: Any) -> Json:
        """What the handler answers, as Lambda calls it."""
        module = handlers(tuple(self.broom.environ.items()))[function]
        setattr(module, function, self.made[function])
        return module.handler(json.loads(json.dumps(event)), context(function, self.clocks[function]))


@functools.cache
def handlers(environ: tuple[tuple[str, str], ...]) -> dict[str, ModuleType]:
    """The modules of the handlers, by their functions, as a process with these variables imports them."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in environ:
            patched.setenv(name, value)
        return {function: app(function) for function in ("remove_tags", "decommission", "sweep")}


@pytest.fixture
def functions(house: House, desk: Desk, broom: Broom) -> Functions:
    return Functions(house, desk, broom)


def notified(*messages: Any, **more: Any) -> Json:
    """Notifications as SNS hands them to a function."""
    return {
        "Records": [
            {
                "EventVersion": "1.0",
                "EventSource": "aws:sns",
                "Sns": {
                    "Type": "Notification",
                    "MessageId": f"n-{number}",
                    "TopicArn": "arn:aws:sns:eu-west-1:123456789012:changes",
                    "Message": message if isinstance(message, str) else json.dumps(message),
                    "MessageAttributes": {},
                }
                | more,
            }
            for number, message in enumerate(messages, 1)
        ]
    }


@pytest.mark.parametrize("file", EVENTS, ids=lambda file: file.stem)
def test_every_event_that_is_handed_straight_to_a_function_is_carried_out(functions: Functions, file: Path) -> None:
    functions.house.jd.seed()
    functions.desk.jd.seed()
    event = json.loads(file.read_text(encoding="utf-8"))
    function = "decommission" if file.stem.startswith("decommission") else "remove_tags"
    answer = functions.invoke(function, event)
    if "pipes" in file.stem:
        assert answer == {"batchItemFailures": []}
    if function == "decommission":
        assert {body["batch"] for body in functions.desk.requests} == {"project-closed"}
        assert {id_ for _, id_, _, _ in pairs(functions.desk.requests)} == {"i-gone01"}
    else:
        assert [report["kind"] for report in functions.house.aws.reports] == ["removal"] * (1 + ("pipes" in file.stem))
        assert taken_away(functions.house.jd)


# SNS.


def test_a_notification_is_carried_out_and_answered_with_its_reports(functions: Functions) -> None:
    raw = jd_request("i-1", id_="")
    del raw["id"]
    attributes = {"traceparent": {"Type": "String", "Value": TRACE}}
    answer = functions.invoke("remove_tags", notified(raw, MessageAttributes=attributes))
    assert [report["id"] for report in answer["reports"]] == ["n-1"]
    assert taken_away(functions.house.jd) == {("i-1", "env", "prod")}
    assert [found["traceparent"] for found in functions.house.aws.attributes] == [TRACE]


def test_a_dead_letter_of_a_notification_says_which_topic_it_came_from(functions: Functions) -> None:
    functions.house.jd.faults.add("partial", ids=["i-1"])
    functions.invoke("remove_tags", notified(jd_request("i-1")))
    ((_, attributes),) = functions.house.aws.letters()
    assert attributes["source"] == "arn:aws:sns:eu-west-1:123456789012:changes"


def test_a_notification_may_hold_an_event_of_a_bus_or_a_cloud_event(functions: Functions) -> None:
    event = {"detail-type": "Tag Removal Requested", "id": "e-1", "detail": json.dumps(jd_request("i-1"))}
    functions.invoke("remove_tags", notified(event))
    functions.invoke("remove_tags", notified({"specversion": "1.0", "id": "c-1", "data": jd_request("i-2")}))
    assert {id_ for id_, _, _ in taken_away(functions.house.jd)} == {"i-1", "i-2"}


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ("{", "Message"),
        (jd_request("i-1", region=".."), "region"),
        ([], ""),
        ({"detail-type": "x", "detail": {}}, "detail-type"),
    ],
)
def test_a_notification_that_is_invalid_fails_the_invocation_and_nothing_is_called(
    functions: Functions, message: Any, path: str
) -> None:
    with pytest.raises(InvocationError) as caught:
        functions.invoke("remove_tags", notified(message))
    assert [error["path"] for error in errors_of(caught)] == [path]
    assert functions.house.aws.calls == list(functions.house.jd.calls) == []


def test_a_notification_whose_results_are_not_delivered_fails_the_invocation(functions: Functions) -> None:
    functions.house.aws.trouble = down("sns")
    with pytest.raises(InvocationError) as caught:
        functions.invoke("remove_tags", notified(jd_request("i-1")))
    assert "not delivered" in errors_of(caught)[0]["message"]


def test_several_notifications_are_all_carried_out_or_none_of_them(functions: Functions) -> None:
    with pytest.raises(InvocationError) as caught:
        functions.invoke("remove_tags", notified(jd_request("i-1"), jd_request("i-2", region="..")))
    assert [error["path"] for error in errors_of(caught)] == ["Records.1.region"]
    assert list(functions.house.jd.calls) == []
    answer = functions.invoke("remove_tags", notified(jd_request("i-1", id_="a"), jd_request("i-2", id_="b")))
    assert {report["id"] for report in answer["reports"]} == {"a", "b"}


def test_a_notification_of_an_event_leads_to_requests(functions: Functions) -> None:
    stand(functions.desk, "i-1", env="prod")
    answer = functions.invoke("decommission", notified(ours()))
    assert answer == {"counts": {"requests": 1}, "requests": ["ev-1"], "notices": []}
    assert list(pairs(functions.desk.requests)) == [("vm", "i-1", "env", "prod")]


def test_a_notification_of_a_sweep_is_carried_out(functions: Functions) -> None:
    functions.broom.put(functions.broom.jd, many(3, tmp="x"))
    answer = functions.invoke("sweep", notified({"rules": [JD]}))
    assert (answer["summary"]["id"], answer["summary"]["counts"]["pairs"]) == ("n-1", 3)


# Pipes.


def test_an_array_of_records_is_carried_out_and_answered_with_those_that_have_to_come_again(
    functions: Functions,
) -> None:
    first, second = jd_request("i-1", id_="a"), jd_request("i-1", id_="b", action="restore", tags={"env": "x"})
    answer = functions.invoke("remove_tags", sqs_records(first, second, "poison"))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}
    assert taken_away(functions.house.jd) == {("i-1", "env", "prod")}
    assert [body for body, _ in functions.house.aws.letters()] == ["poison"]


def test_an_array_of_records_works_for_events_and_sweeps_too(functions: Functions) -> None:
    stand(functions.desk, "i-1", env="prod")
    functions.desk.tms.faults.add("throttle")
    slow = trace(service_type="EVS")
    answer = functions.invoke("decommission", sqs_records(ours(), slow))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}
    assert list(pairs(functions.desk.requests)) == [("vm", "i-1", "env", "prod")]
    functions.broom.put(functions.broom.jd, many(3, tmp="x"))
    assert functions.invoke("sweep", sqs_records({"rules": [JD]})) == {"batchItemFailures": []}
    assert len(functions.broom.asked()) == 3


def test_a_bare_list_of_requests_is_a_list_of_requests(functions: Functions) -> None:
    answer = functions.invoke("remove_tags", [jd_request("i-1", id_="a"), jd_request("i-2", id_="b")])
    assert [report["id"] for report in answer["reports"]] == ["a", "b"]


# What is none of these.

FOREIGN: Mapping[str, tuple[Any, str]] = {
    "S3": ({"Records": [{"eventSource": "aws:s3", "s3": {}}]}, "Records.0"),
    "Kinesis": ({"Records": [{"eventSource": "aws:kinesis", "kinesis": {"data": "e30="}}]}, "Records.0"),
    "OBS": ({"Records": [{"eventVersion": "3.0", "s3": {}}]}, "Records.0"),
    "mixed": ({"Records": [*sqs_records(jd_request("i-1")), *notified(jd_request("i-1"))["Records"]]}, "Records"),
    "an array, mixed": ([*sqs_records(jd_request("i-1")), jd_request("i-2")], "1"),
    "without a body": ({"Records": [{**sqs_records("x")[0], "body": None}]}, "Records.0.body"),
    "no records": ({"Records": []}, "Records"),
    "no list": ({"Records": {"eventSource": "aws:sqs"}}, "Records"),
    "no message": ({"Records": [{"EventSource": "aws:sns", "Sns": {}}]}, "Records.0.Sns.Message"),
}


@pytest.mark.parametrize("function", ["remove_tags", "decommission", "sweep"])
@pytest.mark.parametrize(("event", "path"), FOREIGN.values(), ids=list(FOREIGN))
def test_records_that_no_function_reads_fail_the_invocation_as_a_whole(
    functions: Functions, function: str, event: Any, path: str
) -> None:
    with pytest.raises(InvocationError) as caught:
        functions.invoke(function, event)
    assert [error["path"] for error in errors_of(caught)] == [path]
    assert functions.house.aws.calls == functions.desk.aws.calls == functions.broom.aws.calls == []


@pytest.mark.parametrize("function", ["remove_tags", "decommission", "sweep"])
@pytest.mark.parametrize("payload", [{"id": "x", "provider": "jdcloud", "resources": []}, {}, None, 7, "{", [7]])
def test_a_payload_by_hand_that_is_invalid_fails_whichever_function_it_is_handed_to(
    functions: Functions, function: str, payload: Any
) -> None:
    with pytest.raises(InvocationError) as caught:
        functions.invoke(function, payload)
    assert errors_of(caught)
    published = [functions.house.aws.reports, functions.desk.aws.reports, functions.broom.aws.reports]
    assert published == [[], [], []], "who handed it over is told by the failure"


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_body_may_begin_with_a_byte_order_mark(functions: Functions, mark: str) -> None:
    put(functions.house.jd, "i-bom")
    body = f"{mark}{json.dumps(jd_request('i-bom'))}"
    assert functions.invoke("remove_tags", sqs_event(body)) == {"batchItemFailures": []}
    assert taken_away(functions.house.jd) == {("i-bom", "env", "prod")}
    assert functions.house.aws.letters() == []


# The handlers.


@pytest.mark.parametrize("function", ["remove_tags", "decommission", "sweep"])
@pytest.mark.parametrize("event", [{"provider": 7, "detail": 7, "rules": 7}, {"Records": []}])
def test_each_handler_hands_what_it_gets_to_the_function_whose_name_it_bears(
    functions: Functions, function: str, event: Json
) -> None:
    with pytest.raises(InvocationError) as told:
        functions.invoke(function, event)
    with pytest.raises(InvocationError) as caught:
        functions.made[function](event, context(function, functions.clocks[function]))
    assert errors_of(told) == errors_of(caught)
