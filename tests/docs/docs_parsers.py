"""The parsers, each as what it says is wrong with a body, and held against its schema."""

import base64
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from docs_support import problems, text_only, validator

from tools.schemas.page import LIMITS
from untag.contracts import InvalidInputError, unwrap
from untag.core import Policy
from untag.decommission.events import Gone, Unreadable, read
from untag.decommission.findings import Findings
from untag.decommission.service import Decommissioner
from untag.hosts.aws.rules import OBJECT
from untag.hosts.here import Here
from untag.removal.intake import open_jobs
from untag.runtime import Runtime
from untag.sweep.service import Sweeper
from untag.sweep.state import read_sweep


class _Keeping(Here):
    """A host that keeps tags until a grace is over, as those of the stacks do."""

    keeps = True


RUNTIME = Runtime(_Keeping(Path(tempfile.gettempdir()), {"UNTAG_CREDENTIALS": "env"}))
WINDOW = RUNTIME.window(lambda: 60.0)
DECOMMISSIONING = Decommissioner(RUNTIME).invocation(WINDOW)
SWEEPING = Sweeper(RUNTIME).invocation(WINDOW)
KNOWN = [re.compile(limit.message) for limit in LIMITS]


def refused_removal(body: Any) -> list[str]:
    try:
        open_jobs(json.dumps(body), "own", RUNTIME.registry, Policy(), now=0.0)
    except InvalidInputError as error:
        return [problem.message for problem in error.problems]
    return []


def refused_decommission(body: Any) -> list[str]:
    refused: list[str] = []
    try:
        for said in read(json.dumps(body), "own"):
            if isinstance(said, Unreadable):  # one message of several
                refused += [problem.message for problem in said.error.problems]
            elif isinstance(said, Gone) and said.account is not None:  # ours: of a vendor's the schema says little
                head = Findings(said, said.account).head()
                DECOMMISSIONING.checked(said, head)
    except InvalidInputError as error:
        refused += [problem.message for problem in error.problems]
    return refused


def refused_sweep(body: Any) -> list[str]:
    try:
        unwrapped = unwrap(json.dumps(body), "own", None)
        said = unwrapped.payload
        if isinstance(said, dict) and isinstance(rules := said.get("rules"), str) and OBJECT.fullmatch(rules):
            said = {**said, "rules": []}  # as if that were what the object holds
        SWEEPING.check(read_sweep(said, unwrapped.id)[0])
    except InvalidInputError as error:
        return [problem.message for problem in error.problems]
    return []


PARSERS = {
    "removal-message": refused_removal,
    "removal-request": refused_removal,
    "decommission-message": refused_decommission,
    "sweep": refused_sweep,
    "sweep-message": refused_sweep,
}


def opened(body: Any) -> Any:
    """A body with the JSON texts in its envelopes as what they say: a schema has no more to say of a text."""
    if not isinstance(body, dict):
        return body
    whole = {name: said(value) if name in ("Message", "cts", "detail") else value for name, value in body.items()}
    if "specversion" in body:
        whole |= _carried(body)
    if "topic_urn" in body and "message" in body:
        return whole | _message(body)
    if isinstance(records := body.get("record"), list):
        return whole | {"record": [_in_smn(record) for record in records]}
    return whole | _in_smn({"smn": body["smn"]}) if "smn" in body else whole


def _carried(event: Any) -> Any:
    """What a CloudEvent carries, in Base64 too."""
    data, encoded = event.get("data"), event.get("data_base64")
    if data is not None:
        return {"data": said(data)}
    try:
        return {"data": said(base64.b64decode(encoded).decode()), "data_base64": None}
    except (TypeError, ValueError):
        return {}


def _in_smn(record: Any) -> Any:
    inside = record.get("smn") if isinstance(record, dict) else None
    return {**record, "smn": {**inside, **_message(inside)}} if isinstance(inside, dict) else record


def _message(of_smn: Any) -> Any:
    return {"message": said(of_smn["message"])} if "message" in of_smn else {}


def said(content: Any) -> Any:
    """What a text says; the content itself where it is none."""
    try:
        value = json.loads(content.removeprefix("\ufeff")) if isinstance(content, str) else content
    except ValueError:
        return content
    if isinstance(content, str) and isinstance(value, str | None):
        return 0  # a text in a text, or null in one, is nothing that a schema takes
    return opened(value)


def hold(name: str, body: Any) -> None:
    """Ask both, and compare."""
    said = PARSERS[name](body)
    seen = text_only(opened(body))
    if not validator(name).is_valid(seen):
        assert said, f"the schema refuses what the parser takes: {problems(name, seen)}"
    elif said:
        unknown = [message for message in said if not any(known.search(message) for known in KNOWN)]
        assert not unknown, f"the schema takes what the parser refuses, and no page says so: {unknown}"
