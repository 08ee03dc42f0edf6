"""What goes out: reports, notices, answers, errors, dead letters and remainders."""

from typing import Any

from tools.schemas.models import MAY_BE_TEXT, STAMP, TEXT, lifted, of_model, ref, request
from untag.contracts.notices import Notice
from untag.contracts.outcomes import Outcome
from untag.contracts.rejections import Rejection
from untag.contracts.reports import ANY_KEY, MESSAGE_BYTES, NAME_BYTES, Report
from untag.core.policy import HELD_WHOLE

Json = dict[str, Any]

COUNT: Json = {"type": "integer", "minimum": 0}
MOMENT_OUT: Json = {"type": "string", "format": "date-time", "pattern": STAMP}
REPORT_ID: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "The same facts have the same id."}


def _counts(description: str) -> Json:
    return {
        "type": "object",
        "description": description,
        "propertyNames": {"enum": [*(outcome.value for outcome in Outcome), "deferred"]},
        "additionalProperties": {"type": "integer", "minimum": 1},
    }


def report() -> Json:
    """What became of a request in one attempt."""
    schema = of_model(Report, closed=False)
    fields, row, held = (schema["properties"], *(schema["$defs"][name]["properties"] for name in ("Row", "HeldBack")))
    fields |= {
        "kind": {"const": "removal"},
        "report_id": REPORT_ID,
        "batch": {**TEXT, "description": "The request's, if it has one."},
        "project_id": {**TEXT, "description": "The request's, if it names one."},
        "reason": MAY_BE_TEXT,
        "counts": _counts("The page's pairs by outcome. Deferred ones are counted on the first page: pages add up."),
        "request_counts": _counts(
            "The whole attempt's pairs by outcome, the same on every page; deferred ones travel on."
        ),
        "held_back": ref("HeldBack"),
        "started_at": MOMENT_OUT,
        "finished_at": MOMENT_OUT,
    }
    fields["attempt"]["minimum"] = 1
    schema["required"] = sorted({*schema["required"], "reason"} - {"batch", "project_id", "held_back"})
    row["key"]["description"] = f"The tag's key; {ANY_KEY} for every tag of a resource whose tags could not be read."
    row["was"]["description"] = "The value read before; null: read, and not there; left out: nobody looked."
    row["was_key"]["description"] = "The key as it stood there, where the request has it in other letters."
    row["outcome"] = {"enum": [outcome.value for outcome in Outcome]}
    for name, size in (("code", NAME_BYTES), ("message", MESSAGE_BYTES), ("provider_request_id", NAME_BYTES)):
        row[name]["maxLength"] = size
    held["code"] = {"enum": sorted(HELD_WHOLE)}
    held["pairs"]["minimum"] = 1
    for name in ("number", "of"):
        schema["$defs"]["Page"]["properties"][name]["minimum"] = 1
    return schema


def rejected_report() -> Json:
    """The report on a body that was rejected."""
    schema = of_model(Rejection, closed=False)
    schema["description"] = "A body that was rejected, and why. The body itself is a dead letter with the code invalid."
    own = {**TEXT, "description": "The body's own, where it can be read."}
    schema["properties"] |= {
        "report_id": REPORT_ID,
        "id": {**TEXT, "description": "The body's own id where it can be read, else that of what carried it."},
        **dict.fromkeys(("batch", "provider", "account"), own),
        "source": {**TEXT, "description": "The ARN of the queue that the body came from."},
        "errors": _problems(),
        "started_at": MOMENT_OUT,
        "finished_at": MOMENT_OUT,
    }
    return schema


def _notice(kind: str, statuses: list[str], detail: Json, **changes: Json) -> Json:
    schema = of_model(Notice, closed=False)
    schema["description"] = f"What became of a {kind} that is no report on pairs."
    schema["properties"] |= {
        "kind": {"const": kind},
        "report_id": REPORT_ID,
        "status": {"enum": statuses},
        "counts": {"type": "object", "additionalProperties": COUNT},
        "details": {"type": "array", "items": detail},
        "started_at": MOMENT_OUT,
        "finished_at": MOMENT_OUT,
        **changes,
    }
    return schema


def decommission_notice() -> Json:
    """What became of a decommission event of which not everything was requested."""
    fields = dict.fromkeys(("type", "resource_id", "code"), TEXT)
    key = {**TEXT, "description": "The tag's key, where the resource's other tags are asked for."}
    detail = {"type": "object", "properties": {**fields, "key": key}, "required": sorted(fields)}
    return _notice("decommission", ["partial", "skipped"], detail, code=TEXT, reason=TEXT)


def sweep_notice() -> Json:
    """What a sweep has come to."""
    fields: Json = {
        "rule": TEXT,
        "provider": TEXT,
        "account": TEXT,
        "status": {"enum": ["failed", "partial", "succeeded"]},
        "counts": {"type": "object", "additionalProperties": COUNT},
        "errors": {"type": "array", "items": {"type": "object", "additionalProperties": MAY_BE_TEXT}},
        "sample": {"type": "array", "items": {"type": "object", "additionalProperties": TEXT}},
    }
    more: Json = {
        "going": {
            "type": "object",
            "additionalProperties": COUNT,
            "description": "How many tags go when, where the rule has a grace.",
        },
        "source": {"type": "string", "description": "The object that held the rules, with its version."},
    }
    detail = {"type": "object", "properties": {**fields, **more}, "required": sorted(fields)}
    return _notice("sweep", ["failed", "partial", "succeeded"], detail, region={"type": "null"})


def remainder() -> Json:
    """What goes back to the work queue."""
    definitions = lifted(request(ours=True), "RemovalRequest")
    again = {"allOf": [ref("RemovalRequest")], "required": ["id", "attempt", "first_attempt_at"]}
    return {
        "description": "What is left of a request: exactly the pairs that can still be done.",
        "anyOf": [ref("Remainder"), {"type": "array", "minItems": 1, "items": ref("Remainder")}],
        "$defs": {**definitions, "Remainder": again},
    }


def _problems() -> Json:
    fields = {"path": TEXT, "message": TEXT}
    return {
        "type": "array",
        "minItems": 1,
        "items": {"type": "object", "properties": fields, "required": ["message", "path"]},
    }


def answer() -> Json:
    """What an invocation by hand answers that did what it was asked to."""
    short: Json = {
        "type": "object",
        "description": "Of an answer that would be over 5 MB.",
        "properties": {"report_id": REPORT_ID, "id": TEXT, "counts": {"type": "object"}, "page": {"type": "object"}},
        "required": ["counts", "id", "page", "report_id"],
        "not": {"required": ["outcomes"]},
    }
    reports = {"type": "array", "minItems": 1, "items": {"anyOf": [ref("Report"), ref("ShortReport")]}}
    return {
        "type": "object",
        "description": "The reports. What is invalid, or could not be delivered, fails the invocation instead.",
        "properties": {"reports": reports},
        "required": ["reports"],
        "$defs": {**lifted(report(), "Report"), "ShortReport": short},
    }


def sweep_answer() -> Json:
    """What a sweep's invocation by hand answers that did what it was asked to."""
    more = {"type": "object", "properties": {"id": TEXT, "invocation": {"type": "integer", "minimum": 2}}}
    one = {
        "type": "object",
        "properties": {"summary": ref("SweepNotice"), "continued": {**more, "required": ["id", "invocation"]}},
        "anyOf": [{"required": [name]} for name in ("summary", "continued")],
    }
    return {
        "description": "The summary, or the message by which the sweep goes on; several, where several were handed "
        "over. What is invalid fails the invocation.",
        "anyOf": [ref("OneSweep"), ref("SeveralSweeps")],
        "$defs": {
            **lifted(sweep_notice(), "SweepNotice"),
            "OneSweep": one,
            "SeveralSweeps": {
                "type": "object",
                "properties": {"sweeps": {"type": "array", "minItems": 2, "items": ref("OneSweep")}},
                "required": ["sweeps"],
            },
        },
    }


def decommission_answer() -> Json:
    """What a decommission event's invocation by hand answers that did what it was asked to."""
    fields: Json = {
        "counts": {"type": "object", "properties": {"requests": COUNT}, "required": ["requests"]},
        "requests": {"type": "array", "items": TEXT, "description": "The ids of the first of them."},
        "notices": {"type": "array", "items": ref("DecommissionNotice")},
    }
    return {
        "type": "object",
        "description": "The requests that were sent, and the notices. What is invalid fails the invocation.",
        "properties": fields,
        "required": sorted(fields),
        "$defs": lifted(decommission_notice(), "DecommissionNotice"),
    }


def invocation_error() -> Json:
    """What a failed invocation by hand says, of any function."""
    return {
        "type": "object",
        "description": "The JSON in a failed invocation's errorMessage: what is wrong, or was not delivered.",
        "properties": {"errors": _problems()},
        "required": ["errors"],
    }


def dead_letter() -> Json:
    """A message on a dead-letter queue, however it came there."""
    attribute = {"type": "string", "minLength": 1, "maxLength": 1024}
    words = {
        "batch": "The request's, if it has one.",
        "reason": "Why, for a person. A dead letter without it came from a crash, or its body left no room.",
        "code": "Why, for a program. With invalid the body never can be worked at; any other can be redriven.",
        "request_id": "The request's own id where it can be read, else the message's.",
        "source": "The queue's ARN, or manual.",
        "attempt": "The attempt that it was; the body's own begins at 1 again.",
        "traceparent": "The sender's trace (W3C Trace Context), where its message bore one.",
    }
    body = {
        "type": "string",
        "description": "A removal request, or a list, that can be redriven unchanged; or what came in, verbatim.",
    }
    return {
        "type": "object",
        "description": "A message on a dead-letter queue: its body and the values of its attributes.",
        "properties": {
            "body": body,
            "attributes": {
                "type": "object",
                "properties": {name: {**attribute, "description": told} for name, told in words.items()},
            },
        },
        "required": ["attributes", "body"],
    }
