"""The control routes: tags, calls and faults over HTTP, for whoever sits in another process.

    GET    /_control/tags       {"tags": account -> region -> type -> id -> {key: value}}
    PUT    /_control/tags       {"resources": [{"account"?, "region"?, "type", "id", "tags": {...}}]}
    GET    /_control/history    {"history": [...]}, every tag that a call changed
    GET    /_control/calls      {"calls": [...]}
    DELETE /_control/calls
    GET    /_control/faults     {"faults": [...]}, with `matched` and `injected`
    POST   /_control/faults     a rule, or {"faults": [rules]}
    DELETE /_control/faults

No signature is asked for here: the server listens on loopback only.
"""

import json
from collections.abc import Callable
from typing import Any

from local.providers.calls import CallLog
from local.providers.faults import Fault, Faults
from local.providers.tag_table import TagTable
from local.providers.wire import Request, Response

PREFIX = "/_control/"
Action = Callable[[Any], Any]


class Control:
    """Answers the control routes of one server."""

    def __init__(self, tags: TagTable, calls: CallLog, faults: Faults) -> None:
        self._tags = tags
        self._faults = faults
        self._actions: dict[tuple[str, str], Action] = {
            ("GET", "tags"): lambda _: {"tags": tags.snapshot()},
            ("PUT", "tags"): self._put_tags,
            ("GET", "history"): lambda _: {"history": [change.as_dict() for change in tags.history]},
            ("GET", "calls"): lambda _: {"calls": [call.as_dict() for call in calls]},
            ("DELETE", "calls"): lambda _: calls.clear(),
            ("GET", "faults"): lambda _: {"faults": faults.snapshot()},
            ("POST", "faults"): self._post_faults,
            ("DELETE", "faults"): lambda _: faults.clear(),
        }

    @staticmethod
    def owns(request: Request) -> bool:
        """Whether a request is meant for the control routes."""
        return request.path.startswith(PREFIX)

    def answer(self, request: Request) -> Response:
        """Carry a control request out; 400 says what was wrong with it, 404 that there is no such route."""
        action = self._actions.get((request.method, request.path.removeprefix(PREFIX)))
        if action is None:
            return _json({"error": "no such control route"}, 404)
        try:
            document = action(json.loads(request.body) if request.body else None)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)
        return Response(204) if document is None else _json(document)

    def _put_tags(self, body: Any) -> None:
        self._tags.load(body["resources"])

    def _post_faults(self, body: Any) -> None:
        for rule in [Fault.from_dict(raw) for raw in body.get("faults", [body])]:
            self._faults.add(rule)


def _json(document: Any, status: int = 200) -> Response:
    return Response(status, json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))
