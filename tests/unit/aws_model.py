"""AWS in this process: the queues, the topic and the secrets, failing on command."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import httpx
from bookkeeping import Json, flat

QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/work"
DEAD_LETTERS = "https://sqs.eu-west-1.amazonaws.com/123456789012/dead"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:reports"


@dataclass
class AwsModel:
    """SQS, SNS and Secrets Manager, as far as they are used here; fails on command.

    `trouble` is asked before each call with service and operation, and says what happens: None for nothing, an HTTP
    status, `reset`, `stall`; or, for the batch calls, `entries` (each is failed inside an answer of success by
    `refuse`), `unnamed` (an answer of success that names no entry).
    """

    trouble: Callable[[str, str, Json], int | str | None] = lambda *_: None
    refuse: Callable[[str], tuple[str, bool] | None] = lambda _: None
    """By an entry's body: its code and whether it is the sender's fault; None takes the entry."""
    secrets: dict[str, Json] = field(default_factory=dict)
    reports: list[Json] = field(default_factory=list)
    attributes: list[dict[str, str]] = field(default_factory=list)
    queues: dict[str, list[Json]] = field(default_factory=lambda: {QUEUE: [], DEAD_LETTERS: []})
    schedules: dict[str, Json] = field(default_factory=dict)
    """What EventBridge Scheduler keeps, by name."""
    objects: dict[str, tuple[str, Mapping[str, str]] | tuple[int, str]] = field(default_factory=dict)
    """S3's objects by path: text and headers, or a status and a code."""
    calls: list[tuple[str, str, Json]] = field(default_factory=list)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        service = request.url.host.split(".")[0]
        assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=FAKEAWSKEY/")
        if service == "scheduler":
            return self._schedule(request)
        if service == "s3":
            return self._object(request)
        if service == "sns":
            body: Json = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
            operation = body["Action"]
        else:
            body = json.loads(request.content)
            operation = request.headers["x-amz-target"].split(".")[1]
        self.calls.append((service, operation, body))
        trouble = self.trouble(service, operation, body)
        if trouble == "reset":
            raise httpx.ReadError("reset", request=request)
        if trouble == "stall":
            await asyncio.sleep(1e9)
        if isinstance(trouble, int):
            return httpx.Response(trouble, json={"__type": "com.amazonaws#InternalError"})
        if service == "sns":
            return self._publish(body, trouble)
        return getattr(self, f"_{operation}")(body, trouble)

    def made(self, operation: str) -> list[Json]:
        return [body for _, name, body in self.calls if name == operation]

    def messages(self, queue: str = QUEUE) -> list[Json]:
        """The requests that lie in a queue."""
        return [found for message in self.queues[queue] for found in flat(message["MessageBody"])]

    def letters(self) -> list[tuple[str, dict[str, str]]]:
        """The dead letters: body and attributes."""
        return [
            (letter["MessageBody"], {k: v["StringValue"] for k, v in letter.get("MessageAttributes", {}).items()})
            for letter in self.queues[DEAD_LETTERS]
        ]

    def _SendMessageBatch(self, body: Json, trouble: Any) -> httpx.Response:  # noqa: N802 - AWS's name
        entries = body["Entries"]
        assert 1 <= len(entries) <= 10
        assert len({entry["Id"] for entry in entries}) == len(entries)
        failed, taken = [], []
        for entry in entries:
            assert len(entry.get("MessageAttributes", {})) <= 10
            assert 0 <= entry.get("DelaySeconds", 0) <= 900
            if trouble == "entries" and (refused := self.refuse(entry["MessageBody"])) is not None:
                failed.append({"Id": entry["Id"], "Code": refused[0], "SenderFault": refused[1]})
                continue
            self.queues[body["QueueUrl"]].append(entry)
            taken.append({"Id": entry["Id"], "MessageId": "m"})
        if trouble == "unnamed":
            failed, taken = [], []
        return httpx.Response(200, json={"Successful": taken, "Failed": failed})

    def _publish(self, body: Json, trouble: Any) -> httpx.Response:
        taken, failed = "", ""
        prefix = "PublishBatchRequestEntries.member."
        for number in range(1, 11):
            if (message := body.get(f"{prefix}{number}.Message")) is None:
                break
            id_ = escape(body[f"{prefix}{number}.Id"])
            if trouble == "entries" and (refused := self.refuse(message)) is not None:
                fault = str(refused[1]).lower()
                failed += f"<member><Id>{id_}</Id><Code>{refused[0]}</Code><SenderFault>{fault}</SenderFault></member>"
                continue
            self.reports.append(json.loads(message))
            names = f"{prefix}{number}.MessageAttributes.entry."
            self.attributes.append(
                {
                    body[f"{names}{place}.Name"]: body[f"{names}{place}.Value.StringValue"]
                    for place in range(1, 11)
                    if f"{names}{place}.Name" in body
                }
                | {"Subject": body[f"{prefix}{number}.Subject"]}
            )
            taken += f"<member><Id>{id_}</Id><MessageId>m</MessageId></member>"
        if trouble == "unnamed":
            taken = failed = ""
        content = f"<Successful>{taken}</Successful><Failed>{failed}</Failed>"
        return httpx.Response(
            200,
            text=f'<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult>'
            f"{content}</PublishBatchResult></PublishBatchResponse>",
        )

    def _schedule(self, request: httpx.Request) -> httpx.Response:
        """CreateSchedule, GetSchedule, ListSchedules (a page of two) and DeleteSchedule."""
        name = request.url.path.removeprefix("/schedules").removeprefix("/")
        body: Json = json.loads(request.content or b"{}")
        operation = {"POST": "CreateSchedule", "DELETE": "DeleteSchedule", "GET": "GetSchedule"}[request.method]
        self.calls.append(("scheduler", operation if name else "ListSchedules", {"Name": name, **body}))
        if isinstance(trouble := self.trouble("scheduler", operation, body), int):
            return httpx.Response(trouble, json={})
        if request.method == "POST":
            if name in self.schedules:
                error = {"x-amzn-errortype": "ConflictException:http://internal.amazon.com/coral/"}
                return httpx.Response(409, headers=error, json={"Message": "there is one"})
            self.schedules[name] = body
            return httpx.Response(200, json={"ScheduleArn": name})
        if not name:
            prefix = request.url.params.get("NamePrefix", "")
            names = sorted(one for one in self.schedules if one.startswith(prefix))
            first = int(request.url.params.get("NextToken", "0"))
            more = {"NextToken": str(first + 2)} if first + 2 < len(names) else {}
            return httpx.Response(200, json={"Schedules": [{"Name": one} for one in names[first : first + 2]], **more})
        if name not in self.schedules:
            return httpx.Response(404, headers={"x-amzn-errortype": "ResourceNotFoundException"}, json={})
        found = self.schedules.pop(name) if request.method == "DELETE" else self.schedules[name]
        return httpx.Response(200, json={} if request.method == "DELETE" else found)

    def _object(self, request: httpx.Request) -> httpx.Response:
        # S3 wants the body's hash, and every header of its own signed.
        assert request.method == "GET"
        assert request.headers["x-amz-content-sha256"] == hashlib.sha256().hexdigest()
        signed = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
        assert {"host", "x-amz-content-sha256", "x-amz-date"} <= set(signed)
        found, more = self.objects.get(request.url.path, (404, "NoSuchKey"))
        if isinstance(found, int):
            return httpx.Response(found, text=f"<?xml version='1.0'?><Error><Code>{more}</Code></Error>")
        return httpx.Response(200, text=found, headers=more if isinstance(more, Mapping) else {})

    def _GetSecretValue(self, body: Json, _: Any) -> httpx.Response:  # noqa: N802
        if body["SecretId"] not in self.secrets:
            return httpx.Response(400, json={"__type": "ResourceNotFoundException"})
        return httpx.Response(200, json={"SecretString": json.dumps(self.secrets[body["SecretId"]])})

    def _GetQueueAttributes(self, body: Json, _: Any) -> httpx.Response:  # noqa: N802
        assert body["AttributeNames"] == ["VisibilityTimeout"]
        return httpx.Response(200, json={"Attributes": {"VisibilityTimeout": "800"}})

    def _ChangeMessageVisibility(self, body: Json, _: Any) -> httpx.Response:  # noqa: ARG002, N802
        return httpx.Response(200, json={})

    def _DeleteMessage(self, body: Json, _: Any) -> httpx.Response:  # noqa: ARG002, N802
        return httpx.Response(200, json={})

    def _DeleteMessageBatch(self, body: Json, _: Any) -> httpx.Response:  # noqa: N802
        ids = [{"Id": entry["Id"]} for entry in body["Entries"]]
        return httpx.Response(200, json={"Successful": ids, "Failed": []})


def down(*services: str) -> Callable[[str, str, Json], int | None]:
    """Trouble: these services answer 500, whatever is asked."""
    return lambda service, *_: 500 if service in services else None
