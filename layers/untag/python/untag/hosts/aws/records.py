"""What Lambda hands to a handler: records of a queue, notifications, a payload by hand, and the time that is left."""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from untag.contracts import Problem, traceparent_of
from untag.contracts.rejections import InvocationError
from untag.hosts.base import MANUAL, Handed, Record

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_SQS = "aws:sqs"
_SNS = "aws:sns"
_QUEUE_ARN = re.compile(r"arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+")
_COUNT = re.compile(r"[0-9]{1,9}")


def seconds_left(context: "LambdaContext") -> Callable[[], float]:
    """Gives the seconds that an invocation has left, each time that it is called."""
    return lambda: context.get_remaining_time_in_millis() / 1000


RECEIVES = "untag_receives"
RECORD_ID = "untag_record_id"
"""Attributes of a record that was put back without having been begun: the receives and the id that it had before."""


def sqs_records(event: Any) -> list[Record] | None:
    """The records of an SQS event, or of the bare array that EventBridge Pipes hands over.

    None if the event is something else: a notification, or a payload sent by hand. Raises InvocationError for
    records that no function here reads.
    """
    source, records = _records(event) or (None, [])
    if source != _SQS:
        return None
    if problems := [problem for path, record in records for problem in _defects(path, record)]:
        raise InvocationError(problems)
    return [_sqs_record(record) for _, record in records]


def _sqs_record(record: dict[str, Any]) -> Record:
    attributes = record.get("messageAttributes")
    before = _attribute(attributes, RECEIVES) or ""
    receives = int(record["attributes"]["ApproximateReceiveCount"])
    return Record(
        id=record["messageId"],
        body=record["body"],
        receives=receives + (int(before) if _COUNT.fullmatch(before) else 0),
        receipt=record["receiptHandle"],
        source=record["eventSourceARN"],
        traceparent=traceparent_of(attributes, "stringValue"),
        first_id=_attribute(attributes, RECORD_ID),
    )


def _attribute(attributes: Any, name: str) -> str | None:
    """The text of a message's attribute; None where it has none."""
    held = attributes.get(name) if isinstance(attributes, dict) else None
    text = held.get("stringValue") if isinstance(held, dict) else None
    return text if isinstance(text, str) and text else None


def handed_over(event: Any, own_id: str) -> list[Handed]:
    """What an event that is no SQS batch holds: each of its notifications, or the payload that it is.

    `own_id` is the invocation's. Raises InvocationError for a notification that is none.
    """
    source, records = _records(event) or (None, [])
    if source is None:
        return [Handed(event, own_id)]
    several = len(records) > 1
    handed = []
    problems = []
    for number, (path, record) in enumerate(records, 1):
        notification = record.get("Sns")
        if not isinstance(notification, dict) or not isinstance(notification.get("Message"), str):
            problems.append(Problem(f"{path}.Sns.Message", "Input should be a text"))
            continue
        arn = notification.get("TopicArn")
        handed.append(
            Handed(
                {**notification, "Type": "Notification"},
                f"{own_id}-{number}" if several else own_id,
                arn if isinstance(arn, str) and arn else MANUAL,
                traceparent_of(notification.get("MessageAttributes"), "Value"),
                path if several else "",
            )
        )
    if problems:
        raise InvocationError(problems)
    return handed


def _records(event: Any) -> tuple[str, list[tuple[str, dict[str, Any]]]] | None:
    """The source of an event's records, and each record with its path; None if it is no event of records.

    Raises InvocationError.
    """
    if isinstance(event, dict) and "Records" in event:
        listed, prefix = event["Records"], "Records."
    elif isinstance(event, list) and any(_source(element) is not None for element in event):
        listed, prefix = event, ""
    else:
        return None
    if not isinstance(listed, list) or not listed:
        raise InvocationError([Problem("Records", "Input should be a list of at least one record")])
    sources = [_source(record) for record in listed]
    problems = [
        Problem(f"{prefix}{number}", f"should be a record of SQS or SNS: eventSource {_SQS} or {_SNS}")
        for number, source in enumerate(sources)
        if source not in {_SQS, _SNS}
    ]
    if not problems and len(set(sources)) > 1:
        problems = [Problem(prefix.rstrip("."), "the records should all be of one source")]
    if problems:
        raise InvocationError(problems)
    return str(sources[0]), [(f"{prefix}{number}", record) for number, record in enumerate(listed)]


def _source(record: Any) -> Any:
    """What a record says of where it came from, in the spelling of SQS or of SNS; None if it is no record."""
    if not isinstance(record, dict):
        return None
    source = record.get("eventSource", record.get("EventSource"))
    return source if source is None or isinstance(source, str) else ""


def _defects(path: str, record: dict[str, Any]) -> Iterator[Problem]:
    """What a record of SQS lacks."""
    for name in ("messageId", "body", "receiptHandle"):
        if not isinstance(record.get(name), str):
            yield Problem(f"{path}.{name}", "Input should be a text")
    source = record.get("eventSourceARN")
    if not isinstance(source, str) or not _QUEUE_ARN.fullmatch(source):
        yield Problem(f"{path}.eventSourceARN", "should be the ARN of a queue")
    attributes = record.get("attributes")
    count = attributes.get("ApproximateReceiveCount") if isinstance(attributes, dict) else None
    if not isinstance(count, str) or not _COUNT.fullmatch(count):
        yield Problem(f"{path}.attributes.ApproximateReceiveCount", "should be the number of receives")
