"""Misbehaviour of AWS's own services: the same rules as at the local clouds, of the kinds that an answer has room for.

Codes are those of the API references' common errors: SNS speaks the Query protocol, the others JSON.
"""

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import parse_qsl

from local.aws.own_services import Call, Reply
from local.providers.faults import Asked, Fault, Faults

SERVICES = ("sns", "sqs", "secretsmanager", "scheduler")
KINDS = frozenset({"unavailable", "throttle", "forbidden", "status", "delay"})

_QUERY = frozenset({"sns"})
_USUAL = {
    "unavailable": (503, "ServiceUnavailable", "ServiceUnavailable", "The service is down."),
    "throttle": (400, "ThrottlingException", "Throttling", "Rate exceeded"),
    "forbidden": (400, "AccessDeniedException", "AuthorizationError", "The caller is not authorized."),
    "status": (500, "InternalFailure", "InternalFailure", "The request failed because of an unknown error."),
}
"""The status, the code in JSON, the code in the Query protocol, and the message."""
_FORBIDDEN_BY_QUERY = 403
_READING = re.compile(r"(Get|List|Describe|Receive|BatchGet)")


class ServiceFaults(dict[str, Faults]):
    """The rules of each service, by its name."""

    def __init__(self) -> None:
        super().__init__({service: Faults(0, KINDS) for service in SERVICES})

    @property
    def down(self) -> dict[str, int]:
        """The services that refuse every request, and how many each has refused since."""
        return {service: rule.injected for service, faults in self.items() for rule in faults if _is_outage(rule)}

    def take_down(self, service: str) -> None:
        """From now on every request to a service is answered with 503."""
        if service not in self.down:
            self[service].add("unavailable")

    def bring_up(self, service: str) -> int:
        """Ends what `take_down` began; gives how many requests were refused meanwhile."""
        refused = 0
        for rule in self[service]:
            if _is_outage(rule):
                self[service].remove(rule)
                refused += rule.injected
        return refused

    def answer(self, scope: Iterable[str], call: Call) -> Reply | None:
        """What a rule answers to a call that is signed for a scope; None where it is to be worked at, perhaps late."""
        service = next((name for name in scope if name in self), None)
        if service is None or not len(self[service]):
            return None
        operation = _operation(call)
        verdict = self[service].judge(Asked(operation, not _READING.match(operation), "", (), ()))
        time.sleep(verdict.delay_before + verdict.delay_after)
        return None if verdict.ending is None else _failure(verdict.ending, in_xml=service in _QUERY)


def _is_outage(rule: Fault) -> bool:
    return replace(rule, matched=0, injected=0) == Fault("unavailable")


def _operation(call: Call) -> str:
    target = call.headers.get("X-Amz-Target", "")
    if target:
        return target.rpartition(".")[2]
    form = dict(parse_qsl(call.body.decode("utf-8", "replace")))
    names: Mapping[str, str] = {"GET": "Get", "DELETE": "Delete", "PUT": "Update", "POST": "Create"}
    return form.get("Action") or f"{names.get(call.method, call.method)}Schedule"


def _failure(rule: Fault, *, in_xml: bool) -> Reply:
    status, by_json, by_query, usual = _USUAL[rule.do]
    if rule.do == "forbidden" and in_xml:
        status = _FORBIDDEN_BY_QUERY
    status, code, message = rule.status or status, rule.code or (by_query if in_xml else by_json), rule.message or usual
    headers = (("Retry-After", rule.retry_after),) if rule.retry_after is not None else ()
    if in_xml:
        body = (
            f"<ErrorResponse><Error><Type>{'Receiver' if status >= 500 else 'Sender'}</Type>"  # noqa: PLR2004
            f"<Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        )
        return Reply(status, "text/xml", body.encode(), headers)
    content = json.dumps({"__type": code, "message": message}).encode()
    return Reply(status, "application/x-amz-json-1.0", content, (("X-Amzn-ErrorType", code), *headers))
