"""The servers, in a process of their own: the local clouds with a latency, and a quick stand-in for SNS and SQS.

The stand-in answers what was asked and keeps nothing but the times: a full emulation of AWS costs milliseconds of CPU a
call, and would be what is measured.
"""

import asyncio
import json
import multiprocessing
import re
import ssl
import time
from collections.abc import Callable
from itertools import product
from multiprocessing.connection import Connection
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import parse_qsl

from local.providers import SERVERS, HuaweicloudConfigServer, ProviderServer, environment
from local.providers.wire import HttpServer, Request, Response

_ENTRY = re.compile(r"PublishBatchRequestEntries\.member\.(\d+)\.Id")
_XMLNS = "http://sns.amazonaws.com/doc/2010-03-31/"

TLS = "huaweicloud-config over TLS"
TMS = "huaweicloud-tms"
Place = tuple[str, str]
"""A region and a type."""
SWEEP_QUEUE = "https://sqs.eu-west-1.amazonaws.com/000000000000/sweep"


class Measured(NamedTuple):
    """What a cloud saw since it was prepared. `phase` is from the first call's arrival to the last one's answer."""

    calls: int
    phase: float
    connections: int
    pairs: int
    failed: int


class _Sink:
    """SNS and SQS as far as they are asked here."""

    def __init__(self) -> None:
        self.messages = 0
        self.last = 0.0
        self.asked: dict[tuple[str, str, str, str], int] | None = None
        """Where it is there: the pairs that messages of the work queue ask for, and how often."""
        self.work: list[str] = []
        """The messages that ask for them."""
        self.bytes: dict[str, list[int]] = {"sns": [], "sqs": []}
        """The bytes of each call's messages, with their attributes."""
        self.continuation = ""
        self.http = HttpServer(self._answer)

    async def _answer(self, request: Request) -> Response:
        if "x-amz-json" in (request.header("content-type") or ""):
            return self._queue(json.loads(request.body))
        form = dict(parse_qsl(request.body.decode()))
        ids = [value for name, value in form.items() if _ENTRY.fullmatch(name)]
        action = form["Action"]
        self._took(max(1, len(ids)))
        self.bytes["sns"].append(sum(len(value.encode()) for name, value in form.items() if "Entries" in name))
        members = "".join(f"<member><Id>{id_}</Id><MessageId>m-{id_}</MessageId></member>" for id_ in ids)
        result = f"<Successful>{members}</Successful><Failed/>" if ids else "<MessageId>m-1</MessageId>"
        body = f'<{action}Response xmlns="{_XMLNS}"><{action}Result>{result}</{action}Result></{action}Response>'
        return Response(200, body.encode(), content_type="text/xml")

    def _queue(self, body: dict[str, Any]) -> Response:
        entries = body.get("Entries", [])
        self._took(len(entries))
        self.bytes["sqs"].append(sum(_size(entry) for entry in entries))
        for entry in entries:
            if body["QueueUrl"] == SWEEP_QUEUE:
                self.continuation = entry["MessageBody"]
            elif self.asked is not None:
                self.work.append(entry["MessageBody"])
                self._ask_for(json.loads(entry["MessageBody"]))
        taken = [{"Id": entry["Id"], "MessageId": f"m-{entry['Id']}"} for entry in entries]
        return Response(200, json.dumps({"Successful": taken, "Failed": []}).encode())

    def _ask_for(self, body: Any) -> None:
        asked = self.asked or {}
        for request in body if isinstance(body, list) else [body]:
            for group in request["resources"]:
                for id_, tag in product(group["ids"], request["tags"]):
                    pair = (group["type"], id_, tag["key"], tag["value"])
                    asked[pair] = asked.get(pair, 0) + 1
        self.asked = asked

    def _took(self, count: int) -> None:
        self.messages += count
        self.last = time.monotonic()


MEASURED = ("jdcloud", "huaweicloud-config")
"""The clouds that are called. An endpoint of another would load its provider at each start."""


def _size(entry: dict[str, Any]) -> int:
    """A message's bytes as AWS counts them."""
    attributes = entry.get("MessageAttributes", {})
    named = sum(len(name) + len("String") + len(one["StringValue"].encode()) for name, one in attributes.items())
    return len(entry["MessageBody"].encode()) + named


class _Process:
    """What runs in the servers' process."""

    def __init__(self, certificate: tuple[str, str] | None) -> None:
        self.sink = _Sink()
        self.sink.http.start()
        self.servers: dict[str, ProviderServer] = {}
        self.connections: dict[str, int] = {}
        for name in MEASURED:
            self._start(name, SERVERS[name](), None)
        self.environment = environment(self.servers.values())
        self._start(TMS, SERVERS[TMS](), None)
        self.environment["BENCH_SWEEP_ENDPOINTS"] = environment(self.servers.values())["UNTAG_ENDPOINTS"]
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._start(TLS, HuaweicloudConfigServer(), context)
        self.environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{self.sink.http.port}"
        self.environment["BENCH_TLS_ENDPOINT"] = f"https://127.0.0.1:{self.servers[TLS].port}" if certificate else ""

    def _start(self, name: str, server: ProviderServer, context: ssl.SSLContext | None) -> None:
        self.connections[name] = 0
        original = asyncio.start_server

        async def start(connected: Callable[..., Any], *arguments: Any, **options: Any) -> asyncio.Server:
            async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                self.connections[name] += 1
                await connected(reader, writer)

            return await original(counted, *arguments, ssl=context, **options)

        with patch.object(asyncio, "start_server", start):
            server.start()  # returns when it listens
        self.servers[name] = server

    def prepare(self, name: str, place: tuple[str, str], ids: list[str], keys: list[str], latency: float) -> None:
        """Put tags where they will be removed, and forget what was."""
        server = self.servers[name]
        server.tags.clear()
        server.calls.clear()
        server.latency = latency
        server.tags.load(
            {"region": place[0], "type": place[1], "id": id_, "tags": dict.fromkeys(keys, "prod")} for id_ in ids
        )
        self.connections[name] = 0
        self.sink.messages = 0
        self.sink.asked = None
        self.sink.work = []
        self.sink.bytes = {"sns": [], "sqs": []}

    def fill(self, name: str, places: list[Place], count: int, tags: list[dict[str, str]], latency: float) -> None:
        """Put so many resources there, `i-0000000` and so on, with one of `tags` after the other."""
        self.prepare(name, places[0], [], [], latency)
        self.servers[name].tags.load(
            {"region": region, "type": type_, "id": f"i-{number:07}", "tags": tags[number % len(tags)]}
            for number in range(count)
            for region, type_ in [places[number * len(places) // count]]
        )
        self.sink.asked = {}

    def carrying(self, name: str, key: str) -> int:
        """How many resources of a cloud have a tag of this key."""
        return sum(key in holding.tags for holding in self.servers[name].tags.select("default"))

    def unasked(self, names: list[str], key: str, values: list[str]) -> tuple[int, int]:
        """How many tags with this key and one of these values stand at the clouds without having been asked for, and
        how many were asked for that are none of them, or twice.
        """
        asked = self.sink.asked or {}
        standing = {
            (holding.type, holding.id, key, holding.tags[key])
            for name in names
            for holding in self.servers[name].tags.select("default")
            if holding.tags.get(key) in values
        }
        right = sum(pair in standing for pair in asked)
        return len(standing) - right, sum(asked.values()) - right

    def continuation(self) -> str:
        """What a sweep has sent to itself last."""
        return self.sink.continuation

    def sent(self) -> tuple[list[str], dict[str, list[int]]]:
        """The messages of the work queue, and the bytes of each call to the topic and to the queues."""
        return self.sink.work, self.sink.bytes

    def measured(self, name: str) -> Measured:
        """What the cloud saw."""
        server = self.servers[name]
        calls = list(server.calls)
        return Measured(
            len(calls),
            max((call.started + call.seconds for call in calls), default=0.0)
            - min((call.started for call in calls), default=0.0),
            self.connections[name],
            sum(call.applied for call in calls),
            sum(call.status not in (200, 204) for call in calls),
        )

    def delivered(self) -> tuple[int, float]:
        """Messages that SNS and SQS took since, and the time of the last one."""
        return self.sink.messages, self.sink.last

    def cpu(self) -> float:
        """CPU seconds that this process has used."""
        return time.process_time()


def _serve(pipe: Connection, certificate: tuple[str, str] | None) -> None:
    process = _Process(certificate)
    pipe.send(process.environment)
    while (asked := pipe.recv()) is not None:
        method, *arguments = asked
        pipe.send(getattr(process, method)(*arguments))


class Clouds:
    """The servers, from outside their process."""

    def __init__(self, certificate: tuple[str, str] | None = None) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_serve, args=(theirs, certificate), daemon=True)
        self._process.start()
        self.environment: dict[str, str] = self._pipe.recv()

    def prepare(self, name: str, place: tuple[str, str], ids: list[str], keys: list[str], latency: float) -> None:
        """Put tags on resources of a cloud, set its latency, and start counting anew."""
        self._ask("prepare", name, place, ids, keys, latency)

    def fill(
        self, name: str, places: list[Place], count: int, tags: list[dict[str, str]], latency: float = 0.0
    ) -> None:
        """Put so many resources at a cloud, as many at each place, and start counting anew.

        They have one of `tags` after the other.
        """
        self._ask("fill", name, places, count, tags, latency)

    def carrying(self, name: str, key: str) -> int:
        """How many resources of a cloud have a tag of this key."""
        found: int = self._ask("carrying", name, key)
        return found

    def unasked(self, names: list[str], key: str, values: list[str]) -> tuple[int, int]:
        """Of the tags with this key and one of these values: how many no message has asked for since the clouds were
        filled; and how many were asked for that are none of them, or twice.
        """
        found: tuple[int, int] = self._ask("unasked", names, key, values)
        return found

    def continuation(self) -> str:
        """What a sweep has sent to itself last."""
        found: str = self._ask("continuation")
        return found

    def sent(self) -> tuple[list[str], dict[str, list[int]]]:
        """What was sent since the clouds were filled or prepared: the messages of the work queue where they were
        filled, and the bytes of each call to `sns` and to `sqs`.
        """
        found: tuple[list[str], dict[str, list[int]]] = self._ask("sent")
        return found

    def measured(self, name: str) -> Measured:
        """What a cloud saw since it was prepared."""
        found: Measured = self._ask("measured", name)
        return found

    def delivered(self) -> tuple[int, float]:
        """Messages that SNS and SQS took since, and when the last one came (monotonic)."""
        found: tuple[int, float] = self._ask("delivered")
        return found

    def cpu(self) -> float:
        """CPU seconds that the servers have used."""
        found: float = self._ask("cpu")
        return found

    def close(self) -> None:
        """End the process."""
        self._pipe.send(None)
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()

    def _ask(self, *asked: Any) -> Any:
        self._pipe.send(asked)
        return self._pipe.recv()
