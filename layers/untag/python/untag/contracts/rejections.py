"""Reports and errors for inputs that are rejected.

Where it came from a queue that is a report on the topic. Where it was handed to the function the invocation fails.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from untag.contracts.envelopes import layers, parse_leniently
from untag.contracts.identities import identity
from untag.contracts.problems import InvalidInputError, Problem
from untag.contracts.reports import clip

MAX_PROBLEMS = 100
"""A payload of 6 MB has room for a million mistakes, which neither an answer nor a message has."""

_PATH_BYTES = 240
_MESSAGE_BYTES = 400
"""In UTF-8. With every character escaped, a hundred problems stay below the 256 KiB of a message."""

_SUMMARY_BYTES = 240

_NAMES = {
    "id": re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,256}"),
    "batch": re.compile(r"[A-Za-z0-9._-]{1,64}"),
    "provider": re.compile(r"[a-z][a-z0-9_]{0,31}"),
    "account": re.compile(r"[a-zA-Z0-9_-]{1,64}"),
}
"""What can be read of a body that is rejected, as a valid request has it."""


class InvocationError(Exception):
    """An invocation by hand did not do what it was asked to. The message is JSON: `{"errors": [{"path", "message"}]}`.

    The platform repeats an asynchronous invocation that fails, and keeps it in the end. It throws an answer away.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        super().__init__(json.dumps({"errors": errors_of(problems)}, ensure_ascii=False))


class Names(NamedTuple):
    """What a rejected body says of itself, as far as it can be read."""

    id: str
    batch: str | None = None
    provider: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """The report on a body that was rejected. It has no outcomes: nothing of it was called."""

    kind: Literal["rejected"]
    report_id: str
    id: str
    batch: str | None = None
    provider: str | None = None
    account: str | None = None
    status: Literal["failed"]
    source: str
    errors: list[dict[str, str]]
    started_at: str
    finished_at: str
    summary: str

    @classmethod
    def of(
        cls, names: Names, problems: Iterable[Problem], *, source: str, started_at: str, finished_at: str
    ) -> "Rejection":
        """The report, with the id that follows from its facts."""
        errors = errors_of(problems)
        facts = {"kind": "rejected", "id": names.id, "errors": errors}
        return cls(
            kind="rejected",
            report_id=identity(facts),
            **names._asdict(),
            status="failed",
            source=source,
            errors=errors,
            started_at=started_at,
            finished_at=finished_at,
            summary=_summary(names, errors),
        )

    def body(self) -> dict[str, Any]:
        """The report as JSON holds it."""
        whole = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in whole.items() if value is not None}

    def attributes(self) -> dict[str, str]:
        """What subscribers filter by; an empty one is not known."""
        return {
            "kind": self.kind,
            "provider": self.provider or "",
            "account": self.account or "",
            "status": self.status,
            "id": self.id,
            "batch": self.batch or "",
        }


def errors_of(problems: Iterable[Problem]) -> list[dict[str, str]]:
    """The problems as JSON has them: the first `MAX_PROBLEMS`, each within its size."""
    problems = list(problems)
    more = len(problems) - MAX_PROBLEMS
    kept = [*problems[:MAX_PROBLEMS], Problem("", f"and {more} more")] if more > 0 else problems
    return [{"path": clip(path, _PATH_BYTES), "message": clip(message, _MESSAGE_BYTES)} for path, message in kept]


def names_in(body: Any, own_id: str) -> Names:
    """The names in a body, whatever is wrong with it: those of its first request that has an id.

    `own_id` is the id of what carried it here; without an id of its own a request has its envelope's, else that one.
    """
    id_, content = own_id, None
    try:
        for layer in layers(body, own_id, parse_leniently):
            id_, content = layer.id, layer.payload
    except InvalidInputError:
        content = None  # what is further inside cannot be read
    requests = [one for one in (content if isinstance(content, list) else [content]) if isinstance(one, Mapping)]
    readable = [_names(request) for request in requests]
    first = next((one for one in readable if "id" in one), readable[0] if readable else {})
    return Names(**{"id": id_, **first})


def _names(request: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: text
        for name, pattern in _NAMES.items()
        if isinstance(text := request.get(name), str) and pattern.fullmatch(text)
    }


def _summary(names: Names, errors: list[dict[str, str]]) -> str:
    where = "/".join(filter(None, (names.provider, names.account)))
    first = ": ".join(filter(None, errors[0].values())) if errors else "no reason is known"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return clip(f"{where + ': ' if where else ''}rejected: {first}", _SUMMARY_BYTES) + more
