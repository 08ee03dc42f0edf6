"""What goes wrong in a campaign, and how often it really did.

At the clouds by their servers' own fault rules, and by the shapes in which Huawei Cloud tells errors and empty lists.
At AWS between the functions and moto, on the wire and inside answers of success. On the queue by messages that come
twice.
"""

import copy
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import cycle, repeat
from typing import Any

from clouds import BY_SERVER
from workload import BAD_ID

from local.providers import Fault, ProviderServer
from local.providers.faults import CONTENT_KINDS
from local.providers.huaweicloud import HuaweicloudServer
from local.providers.huaweicloud_shapes import IN_TURN
from local.stack import Stack


@dataclass(frozen=True)
class Mix:
    """Shares of calls, messages and invocations that something happens to."""

    clouds: float = 1.0
    """Of the shares in `_rules`: 1.0 for all of them, 0.0 for none."""
    aws: float = 0.03
    twice: float = 0.02
    killed: float = 0.03
    hung: float = 0.01
    rival: float = 0.1
    """Of writes at Google Cloud that somebody else comes before."""
    letters: float = 0.0
    """Of dead letters that are refused for good, beyond what `aws` says."""


USUAL = Mix()


def _rules(server: ProviderServer) -> list[tuple[str, float, dict[str, Any]]]:
    """Name, share of all calls, and the rule: what clouds do."""
    writing = {"operation": "writing"}
    rules: list[tuple[str, float, dict[str, Any]]] = [
        ("429", 0.05, {"do": "throttle"}),
        ("429 with Retry-After", 0.05, {"do": "throttle", "retry_after": "2"}),
        *(
            ("500 that echoes the account's key", 0.02, {"do": "status", "account": name, "message": f"echo {secret}"})
            for name, secret in server.secrets.items()
        ),
        *((f"{status}", 0.02, {"do": "status", "status": status}) for status in (502, 503, 504)),
        ("reset before it is applied", 0.02, {"do": "reset", "applied": False}),
        ("reset after it is applied", 0.02, {"do": "reset", "applied": True}),
        ("no answer though applied", 0.02, {"do": "stall", "applied": True}),
        ("slow answer", 0.03, {"do": "delay", "seconds": 0.15}),
        ("truncated body", 0.01, {"do": "truncate"}),
        ("truncated body, nothing applied", 0.01, {"do": "truncate", "applied": False}),
        ("empty body, nothing applied", 0.01, {"do": "empty", "applied": False}),
        ("body that is no JSON", 0.01, {"do": "not_json"}),
        ("200 with failures", 0.09, {"do": "partial", "share": 0.5, **writing}),
        ("200 with failures, applied all the same", 0.05, {"do": "partial", "share": 0.5, "applied": True, **writing}),
        ("an answer about other ids", 0.02, {"do": "other_ids", "share": 0.5}),
        ("wrong successCount", 0.005, {"do": "count", "amount": -1}),
        ("wrong successCount", 0.005, {"do": "count", "amount": 1}),
        ("refused for one bad id", 1.0, {"do": "refuse", "ids": (f"*{BAD_ID}-*",), **writing}),
    ]
    cloud = BY_SERVER.get(server.name)
    if cloud is not None and cloud.passing:  # one that gives a failed resource a code
        passes = {"do": "partial", "share": 0.5, "code": cloud.passing, **writing}
        throttled = {"do": "partial", "share": 0.2, "code": cloud.throttled, **writing}
        rules += [
            ("200 with failures that pass", 0.04, passes),
            ("200 with failures that pass, applied all the same", 0.02, {**passes, "applied": True}),
            ("200 with a throttle for one resource", 0.04, throttled),
        ]
    return [rule for rule in rules if rule[2]["do"] in server.fault_kinds]


class _Shapes:
    """One server of Huawei Cloud tells its errors in every shape in turn, and an empty list in each of three ways."""

    def __init__(self, server: HuaweicloudServer) -> None:
        self.counts = Counter[str]()
        self._server = server
        self._ways = cycle(("list", "null", "left_out"))
        self._next_shape, self._without_empty_lists = server.next_shape, server._without_empty_lists
        server.error_shape = IN_TURN
        server.next_shape = self._shape
        server._without_empty_lists = self._lists

    def clear(self) -> None:
        """As the service's own pages have it, from now on."""
        self._server.error_shape, self._server.empty_lists = None, "list"
        self._ways = repeat("list")

    def _shape(self) -> str | None:
        shape = self._next_shape()
        if shape is not None:
            self.counts[f"Huawei Cloud's error, in shape: {shape}"] += 1
        return shape

    def _lists(self, document: dict[str, Any]) -> dict[str, Any]:
        self._server.empty_lists = next(self._ways)
        answer = self._without_empty_lists(document)
        if answer != document:
            self.counts[f"Huawei Cloud's empty list: {self._server.empty_lists}"] += 1
        return answer


class Clouds:
    """The fault rules of all provider servers."""

    def __init__(self, servers: Mapping[str, ProviderServer], mix: Mix) -> None:
        self._rules: list[tuple[str, str, Fault]] = []
        self._outages: list[Fault] = []
        self._servers = servers
        self._shapes = [
            _Shapes(server) for server in servers.values() if isinstance(server, HuaweicloudServer) and mix.clouds
        ]
        for name, server in servers.items():
            # First, so that it settles how a call ends while it lasts.
            self._outages.append(server.faults.add("unavailable", times=0))
            for told, share, how in _rules(server):
                rule = server.faults.add(**how, probability=share if share == 1.0 else share * mix.clouds)
                self._rules.append((name, told, rule))

    def down(self, down: bool) -> None:
        """A total outage, or its end."""
        for rule in self._outages:
            rule.times = None if down else rule.injected

    def clear(self) -> None:
        """Fair weather from now on."""
        for server in self._servers.values():
            server.faults.clear()
        for shapes in self._shapes:
            shapes.clear()

    @property
    def outage_calls(self) -> int:
        """Calls that met the outage."""
        return sum(rule.injected for rule in self._outages)

    def counts(self) -> Counter[str]:
        """How often each kind really struck, all clouds together."""
        found = Counter[str]()
        for _, told, rule in self._rules:
            found[told] += rule.injected
        return sum((shapes.counts for shapes in self._shapes), found)

    def chances(self) -> Counter[str]:
        """The answers of success that a kind which changes what an answer says could strike."""
        found: dict[str, dict[str, int]] = {}
        for cloud, told, rule in self._rules:
            if rule.do in CONTENT_KINDS:
                clouds = found.setdefault(told, {})
                clouds[cloud] = max(clouds.get(cloud, 0), rule.matched)
        return Counter({told: sum(clouds.values()) for told, clouds in found.items()})


class AwsTrouble:
    """Errors of SQS, SNS and Secrets Manager, and messages that come twice."""

    def __init__(self, stack: Stack, mix: Mix, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._lock = threading.Lock()
        self._stack = stack
        self._mix = mix
        self.on = True
        self.counts = Counter[str]()
        self.sent: list[tuple[float, str]] = []
        """When each message came to the work queue, and its body."""
        self._application = stack.aws._front.application
        stack.aws._front.application = self._answer
        self._queues, self._topics = stack.aws.queues, stack.aws.topics
        self._send_batch, self._publish_batch = self._queues.send_message_batch, self._topics.publish_batch
        self._send, self._delete = self._queues.send_message, self._queues.delete_messages
        self._queues.send_message_batch = self._send_entries
        self._topics.publish_batch = self._publish_entries
        self._queues.send_message = self._send_one
        self._queues.delete_messages = self._delete_some
        self._hide = self._queues.change_message_visibility
        self._queues.change_message_visibility = self._hide_one

    def _chance(self, share: float, told: str) -> bool:
        with self._lock:
            struck = self.on and self._random.random() < share
            self.counts[told] += struck
            return struck

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition(",")[0].split("/")
        service = next((name for name in ("sqs", "sns", "secretsmanager") if name in scope), "")
        if not service:
            return self._application(environ, start_response)
        share = self._mix.aws / 6
        if self._chance(share, f"{service}: 503"):
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            return _error(start_response, service, "503 Service Unavailable", "ServiceUnavailable")
        if self._chance(share, f"{service}: 400 that no retry mends"):
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            return _error(start_response, service, "400 Bad Request", "InvalidParameterValue")
        if self._chance(share, f"{service}: 503 though applied"):
            list(self._application(environ, lambda *_: None))
            return _error(start_response, service, "503 Service Unavailable", "ServiceUnavailable")
        return self._application(environ, start_response)

    def _refused(self, entries: Iterable[tuple[Any, str]], service: str) -> tuple[set[Any], list[dict[str, Any]]]:
        places, failed = set(), []
        for place, id_ in entries:
            for sender, told in ((False, "passing"), (True, "final")):
                if place not in places and self._chance(self._mix.aws / 4, f"{service}: {told} failure inside a 200"):
                    places.add(place)
                    code = "InvalidMessageContents" if sender else "InternalError"
                    failed.append({"Id": id_, "SenderFault": sender, "Code": code, "Message": "the campaign's"})
        return places, failed

    def _send_entries(self, queue_name: str, entries: dict[str, dict[str, Any]]) -> Any:
        places, failed = self._refused(((place, entry["Id"]) for place, entry in entries.items()), "sqs")
        for place, entry in entries.items() if queue_name != self._stack.work_queue else ():
            if place not in places and self._chance(self._mix.letters, "sqs: dead letter refused"):
                places.add(place)
                failed.append({"Id": entry["Id"], "SenderFault": True, "Code": "InvalidMessageContents", "Message": ""})
        kept = {place: entry for place, entry in entries.items() if place not in places}
        sent, refused = self._send_batch(queue_name, kept) if kept else ([], [])
        return sent, failed + refused

    def _publish_entries(self, topic_arn: str, publish_batch_request_entries: list[dict[str, Any]]) -> Any:
        entries = publish_batch_request_entries
        places, failed = self._refused(((place, entry["Id"]) for place, entry in enumerate(entries)), "sns")
        kept = [entry for place, entry in enumerate(entries) if place not in places]
        taken, refused = self._publish_batch(topic_arn, kept) if kept else ([], [])
        return taken, failed + refused

    def _send_one(self, queue_name: str, message_body: str, *more: Any, **named: Any) -> Any:
        message = self._send(queue_name, message_body, *more, **named)
        if queue_name == self._stack.work_queue:
            with self._lock:
                self.sent.append((time.monotonic(), message_body))
            if self._chance(self._mix.twice / 2, "message delivered twice at once"):
                with self._queues.lock:
                    self._queues.get_queue(queue_name).add_message(copy.deepcopy(message))
        return message

    def _hide_one(self, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
        # What is asked for is in the queue's time, which is cut short here for all other messages.
        self._hide(queue_name, receipt_handle, visibility_timeout)
        short = (self._queues.visibility_timeout or 0) / getattr(
            self._queues.get_queue(queue_name), "visibility_timeout", 1
        )
        with self._queues.lock:
            for message in self._queues.messages(queue_name):
                if message.receipt_handle == receipt_handle or receipt_handle in message.all_receipt_handles:
                    message.visible_at = (time.time() + visibility_timeout * short) * 1000

    def _delete_some(self, queue_name: str, receipt_handles: set[str]) -> None:
        kept = {
            handle
            for handle in sorted(receipt_handles)
            if self._chance(self._mix.twice / 2, "message delivered again after it was deleted")
        }
        self._delete(queue_name, receipt_handles - kept)
        with self._queues.lock:
            for message in self._queues.messages(queue_name):
                if message.receipt_handle in kept or not kept.isdisjoint(message.all_receipt_handles):
                    message.visible_at = time.time() * 1000


def _error(start_response: Callable[..., Any], service: str, status: str, code: str) -> list[bytes]:
    body = f'{{"__type": "com.amazonaws#{code}", "message": "the campaign\'s"}}'
    if service == "sns":
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>the campaign's</Message></Error></ErrorResponse>"
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body.encode()]
