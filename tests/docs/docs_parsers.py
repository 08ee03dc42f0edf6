"""The parsers, each as what it says is wrong with a body, and held against its schema."""

import json
import re
from types import SimpleNamespace
from typing import Any

from docs_support import DOCUMENTS, OlderValidator, Validator

from tools.schemas.dialects import draft_4
from tools.schemas.page import LIMITS
from untag.contracts import InvalidInputError
from untag.core import Policy
from untag.decommission.events import Gone, read
from untag.decommission.service import _Invocation as Decommissioning
from untag.intake import Intake
from untag.providers import Registry
from untag.sweep.service import _Invocation as Sweeping
from untag.sweep.state import read_sweep

REGISTRY = Registry()
VALIDATORS = {name: Validator(document.whole()) for name, document in DOCUMENTS.items()}
OLDER = {name: OlderValidator(draft_4(document)) for name, document in DOCUMENTS.items()}
KNOWN = [re.compile(limit.message) for limit in LIMITS]


def refused_removal(body: Any) -> list[str]:
    try:
        Intake(REGISTRY, Policy()).open(json.dumps(body), "own", 0.0)
    except InvalidInputError as error:
        return [problem.message for problem in error.problems]
    return []


def refused_decommission(body: Any) -> list[str]:
    try:
        for said in read(json.dumps(body), "own"):
            if isinstance(said, Gone):
                Decommissioning._checked(SimpleNamespace(_registry=REGISTRY), said, said.account or "default")
    except InvalidInputError as error:
        return [problem.message for problem in error.problems]
    return []


def refused_sweep(body: Any) -> list[str]:
    checking = SimpleNamespace(_registry=REGISTRY)
    checking._probe = lambda rule, place: Sweeping._probe(checking, rule, place)
    try:
        Sweeping._check(checking, read_sweep(json.dumps(body), "own")[0])
    except InvalidInputError as error:
        return [problem.message for problem in error.problems]
    return []


PARSERS = {
    "removal-message": refused_removal,
    "removal-request": refused_removal,
    "decommission-message": refused_decommission,
    "sweep": refused_sweep,
}


def opened(body: Any) -> Any:
    """A body with the JSON texts in its envelopes as what they say: a schema has no more to say of a text."""
    if not isinstance(body, dict):
        return body
    own = body.get("detail-type") == "Resource Decommissioned"
    return {
        name: value
        # Our own event's detail is no text, and the schema says so.
        if name not in ("Message", "cts", "detail") or (own and name == "detail" and isinstance(value, str))
        else _said(value)
        for name, value in body.items()
    }


def _said(content: Any) -> Any:
    try:
        said = json.loads(content) if isinstance(content, str) else content
    except ValueError:
        return content
    return None if isinstance(said, str) else opened(said)  # a text in a text is nothing that a schema takes


def hold(name: str, body: Any) -> None:
    """Ask both, and compare."""
    said = PARSERS[name](body)
    seen = opened(body)
    wrong = [error.message for error in VALIDATORS[name].iter_errors(seen)]
    if not re.search(r"\b[0-9]+\.0\b", json.dumps(seen)):  # which draft 4 takes for no integer, as the parser does
        assert OLDER[name].is_valid(seen) is not bool(wrong), "the older draft says something else"
    if wrong:
        assert said, f"the schema refuses what the parser takes: {wrong}"
    elif said:
        unknown = [message for message in said if not any(known.search(message) for known in KNOWN)]
        assert not unknown, f"the schema takes what the parser refuses, and no page says so: {unknown}"
