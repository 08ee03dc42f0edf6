"""Reports out of whatever they were kept in: files of pages, envelopes, the answer of a function."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from local.errors import LocalError

Report = Mapping[str, Any]

_WHAT_IT_IS = "a report is what untag publishes, or what the function answers: it has outcomes"
_ROW_FIELDS = ("type", "resource_id", "key", "outcome")
_NAMES = ("id", "provider", "account")


def reports_of(text: str) -> list[Report]:
    """The reports in a text, in order: JSON, or a line of JSON for each.

    Taken out are the lists and envelopes that reports come in: a notification of SNS, a record or a received message of
    SQS, a batch of records, what `local state` and `local invoke` print, and the answer of an invocation by hand.
    """
    reports = list(_reports(_parsed(text)))
    if not reports:
        raise LocalError("there is no report in it", _WHAT_IT_IS)
    return reports


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        try:
            return [json.loads(line) for line in lines if len(lines) > 1] or _refuse(error)
        except ValueError:
            return _refuse(error)


def _refuse(error: ValueError) -> Any:
    raise LocalError(f"a report has to be JSON: {error}", _WHAT_IT_IS) from None


def _reports(content: Any) -> Iterator[Report]:
    if isinstance(content, list):
        for one in content:
            yield from _reports(one)
        return
    if not isinstance(content, Mapping):
        raise LocalError("this is no report", _WHAT_IT_IS)
    inner = _inside(content)
    if inner is not None:
        yield from _reports(inner)
    else:
        yield _checked(content)


def _inside(content: Mapping[str, Any]) -> Any:
    """What an envelope holds; None for what is none."""
    if "report_id" in content or "outcomes" in content:
        return None
    for several in ("reports", "Records", "Messages"):  # an answer or a state; a batch; what a queue was asked for
        if isinstance(content.get(several), list):
            return content[several]
    # A notification of SNS, its record in a batch, a message as SQS or Lambda has it, a published message of the local
    # stack, and the answer of an invocation as `local invoke --json` prints it.
    for one in ("Message", "Sns", "Body", "body", "payload"):
        if isinstance(content.get(one), str):
            return _parsed(content[one])
        if isinstance(content.get(one), Mapping):
            return content[one]
    return None


def _checked(report: Mapping[str, Any]) -> Report:
    if "outcomes" not in report and "kind" not in report and "report_id" in report:
        raise LocalError(
            f"the answer on {report.get('id')} was too large to hold rows: it has counts only",
            "the whole report was published on the topic",
        )
    if report.get("kind", "removal") != "removal":
        return report
    rows = report.get("outcomes")
    if not isinstance(rows, list) or not all(_has(_ROW_FIELDS, row) for row in rows) or not _has(_NAMES, report):
        raise LocalError("this is no report", _WHAT_IT_IS)
    return report


def _has(names: Iterable[str], content: Any) -> bool:
    return isinstance(content, Mapping) and all(isinstance(content.get(name), str) for name in names)
