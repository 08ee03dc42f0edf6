"""Simple Message Notification: publishes on topics, and hands what was published to subscribers.

    POST /v2/{project_id}/notifications/topics/{topic_urn}/publish

Rules: the descriptions in SMN's SDK (huaweicloudsdksmn 3.1.219). Codes: the error codes in SMN's API Reference. Which
code SMN has for an attribute that breaks a rule is documented nowhere; here it is that of an attribute's name.
"""

import json
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import unquote

from local.functiongraph.service import GatewayService, Operation, ServiceError, answer
from local.providers.faults import Fault
from local.providers.wire import Request, Response

MESSAGE_BYTES = 256 * 1024
SUBJECT_BYTES = 512
LONGEST_LIFE = 24 * 3600
VALUES = 10

_PATH = re.compile(r"/v2/([^/]+)/notifications/topics/([^/]+)/publish")
_ATTRIBUTE_NAME = re.compile(r"(?=.{1,32}\Z)[a-z0-9]+(_[a-z0-9]+)*")
_ATTRIBUTE_VALUE = re.compile(r"[A-Za-z0-9_\u4e00-\u9fff]{1,32}")
_PROTOCOLS = {"email", "sms", "http", "https", "functiongraph", "functionstage", "callnotify", "dms"}
_ALPHABET = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True)
class Published:
    """A message that a topic took. Attributes of several values are joined by a comma."""

    topic: str
    message_id: str
    message: str
    subject: str | None
    attributes: Mapping[str, str]
    raw_attributes: list[dict[str, Any]] | None
    time: float

    @property
    def body(self) -> Any:
        """The message, parsed where it is JSON."""
        try:
            return json.loads(self.message)
        except ValueError:
            return self.message

    def as_event(self, function: str, function_urn: str, request_id: str) -> dict[str, Any]:
        """The event that a function subscribed to the topic is given (Huawei Cloud's template of an SMN event)."""
        then = datetime.fromtimestamp(self.time, UTC)
        return {
            "record": [
                {
                    "event_version": "1.0",
                    "smn": {
                        "topic_urn": self.topic,
                        "timestamp": then.strftime("%Y-%m-%dT%H:%M:%SZ"),
                        "message_attributes": self.raw_attributes,
                        "message": self.message,
                        "type": "notification",
                        "message_id": self.message_id,
                        "subject": self.subject,
                    },
                    "event_subscription_urn": function_urn,
                    "event_source": "smn",
                }
            ],
            "functionname": function,
            "requestId": request_id,
            "timestamp": then.strftime("%a %b %d %Y %H:%M:%S GMT+0000 (UTC)"),
        }


class SmnServer(GatewayService):
    """SMN with its topics. `published` is in order."""

    name: ClassVar[str] = "smn"
    codes: ClassVar[dict[int, tuple[str, str]]] = {
        403: ("SMN.0001", "No permission to request resources."),
        404: ("SMN.0006", "Topic not found."),
        500: ("SMN.0018", "Service internal error."),
    }

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.published: list[Published] = []
        self._lock = threading.Lock()
        self._topics: dict[str, list[Callable[[Published], object]]] = {}

    def add_topic(self, name: str = "untag-reports") -> str:
        """Make a topic; gives its URN."""
        if not _ALPHABET.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a topic")
        urn = f"urn:smn:{self.region}:{self.project}:{name}"
        self._topics.setdefault(urn, [])
        return urn

    def subscribe(self, topic: str, receive: Callable[[Published], object]) -> None:
        """Hand what is published on a topic to somebody, at once and in the thread of the server."""
        self._topics[topic].append(receive)

    def publish(self, topic: str, body: dict[str, Any]) -> Published:
        """Take a message as the API's body has it, and hand it to the subscribers. ServiceError if it breaks a rule."""
        if topic not in self._topics:
            raise ServiceError(404, *self.codes[404])
        published = self._published(topic, body)
        with self._lock:
            self.published.append(published)
        for receive in self._topics[topic]:
            receive(published)
        return published

    def operation(self, request: Request) -> Operation:
        """There is one."""
        match = _PATH.fullmatch(request.path)
        if match is None or request.method != "POST":
            raise self.no_such_api()
        return Operation("PublishMessage", writing=True, names=(unquote(match[2]),))

    async def perform(self, request: Request, operation: Operation, fault: Fault | None) -> Response:  # noqa: ARG002
        """Take the message, if it keeps the rules."""
        match = _PATH.fullmatch(request.path)
        if match is not None:
            self.check_project(match[1])
        published = self.publish(operation.names[0], _parsed(request.body))
        request_id = uuid.uuid4().hex
        return answer(200, {"request_id": request_id, "message_id": published.message_id}, request_id)

    def refusal(self, error: ServiceError, request: Request, request_id: str) -> Response:
        """SMN's own errors have other names for the code and the text than the gateway's."""
        if not error.code.startswith("SMN."):
            return super().refusal(error, request, request_id)
        document = {"request_id": request_id, "code": error.code, "message": error.message}
        return answer(error.status, document, request_id)

    def _published(self, topic: str, body: dict[str, Any]) -> Published:
        subject = body.get("subject")
        if subject is not None and not (
            isinstance(subject, str) and len(subject.encode()) <= SUBJECT_BYTES and subject.isprintable()
        ):
            raise ServiceError(403, "SMN.0008", "Parameter: Subject is invalid.")
        life = body.get("time_to_live", "3600")
        if not (isinstance(life, str) and life.isascii() and life.isdigit() and 0 < int(life) <= LONGEST_LIFE):
            raise ServiceError(400, "SMN.0038", "Parameter: time_to_live is invalid.")
        raw = body.get("message_attributes")
        return Published(
            topic, uuid.uuid4().hex, _message(body), subject, _attributes(raw or []), raw or None, self.clock()
        )


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise ServiceError(403, "SMN.0009", "Parameter: Message is invalid.")
    return parsed


def _message(body: dict[str, Any]) -> str:
    """The text that goes out: a structure's default comes before a plain message."""
    if (structure := body.get("message_structure")) is not None:
        try:
            message = json.loads(structure)["default"]
        except (ValueError, KeyError, TypeError):
            raise ServiceError(400, "SMN.0021", "MessageStructure is invalid.") from None
    else:
        message = body.get("message")
    if not isinstance(message, str) or not 0 < len(message.encode()) <= MESSAGE_BYTES:
        raise ServiceError(403, "SMN.0009", "Parameter: Message is invalid.")
    return message


def _attributes(raw: Any) -> dict[str, str]:
    attributes: dict[str, str] = {}
    rows = raw if isinstance(raw, list) else [raw]
    for row in rows:
        name, value = _attribute(row)
        if name in attributes:
            raise _bad_attribute(f"{name} is there twice")
        attributes[name] = value
    return attributes


def _attribute(row: Any) -> tuple[str, str]:
    if not isinstance(row, dict) or set(row) != {"name", "type", "value"}:
        raise _bad_attribute("it has a name, a type and a value")
    name, kind, value = row["name"], row["type"], row["value"]
    if not isinstance(name, str) or not _ATTRIBUTE_NAME.fullmatch(name):
        raise _bad_attribute("its name")
    values = value if kind in {"STRING_ARRAY", "PROTOCOL"} else [value]
    if kind not in {"STRING", "STRING_ARRAY", "PROTOCOL"} or not isinstance(values, list):
        raise _bad_attribute(f"the type of {name}")
    if not 0 < len(values) <= VALUES or len(set(map(str, values))) != len(values):
        raise _bad_attribute(f"the values of {name}")
    for one in values:
        right = one in _PROTOCOLS if kind == "PROTOCOL" else isinstance(one, str) and _ATTRIBUTE_VALUE.fullmatch(one)
        if not right:
            raise _bad_attribute(f"a value of {name}")
    return name, ",".join(values)


def _bad_attribute(what: str) -> ServiceError:
    return ServiceError(400, "SMN.0046", f"Parameter: message attribute is invalid: {what}.")
