"""The whole: AWS services, provider servers, functions and event-source mappings of one template.

with Stack(overrides=Overrides(visibility_timeout=2)) as stack:
    stack.send(Path("events/jdcloud-sqs.json"))
    stack.drain()
    stack.reports()
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from local import ROOT, RUNTIME_PYTHON
from local import template as templates
from local.aws import Aws, contents, free_region, mappings, missing, routing, schedules
from local.aws.create import create
from local.aws.credentials import CloudCredentials
from local.aws.own_services import CloudFormation, Lambda
from local.aws.sending import Sender
from local.errors import FAILED, LocalError
from local.functions.function import Function, name_of
from local.functions.function import specify as specify_function
from local.reports.ledger import LedgerFile
from local.shapes import DeadLetter, NotDrainedError, Notification, Overrides, QueueState, Sent
from local.terminal import hints

if TYPE_CHECKING:
    from moto.sqs.models import Message

    from local.functions.runtime import Answer
    from local.providers import Fault

__all__ = ["ROOT", "DeadLetter", "NotDrainedError", "Notification", "Overrides", "QueueState", "Sent", "Stack"]

# Only functions on this machine see these, and nothing checks them.
_KEYS = {
    "AWS_ACCESS_KEY_ID": "ASIALOCALSTACK",
    "AWS_SECRET_ACCESS_KEY": "local-secret",
    "AWS_SESSION_TOKEN": "local-token",
}
_LOOK_AGAIN_SECONDS = 0.01


class Stack:
    """One template, running on this machine. A context manager; everything listens on 127.0.0.1 only.

    `providers` False starts no provider servers. `sink` is given every line that a function prints, with the
    function's name. `ledger` is a folder that keeps every report; None keeps none.
    With `secrets` the functions read the clouds' credentials where the template says, from the local Secrets Manager.
    """

    host: Literal["aws"] = "aws"

    def __init__(
        self,
        template: Path = ROOT / "template.yaml",
        *,
        name: str = "untag",
        region: str | None = None,
        overrides: Overrides | None = None,
        providers: bool = True,
        python: Path = RUNTIME_PYTHON,
        sink: Callable[[str, str], None] | None = None,
        ledger: Path | None = None,
        secrets: bool = False,
    ) -> None:
        self.name = name
        self.region = region or free_region()
        self.overrides = overrides or Overrides()
        self.template_path = template
        self.functions: dict[str, Function] = {}
        """By logical id."""
        self.mappings: dict[str, mappings.EventSourceMapping] = {}
        """By logical id."""
        self.schedules: dict[str, schedules.Schedule] = {}
        """By logical id."""
        self.schedule_failures: Mapping[str, list[str]] = {}
        """What went wrong where the clock fired a schedule, by logical id."""
        self.providers: dict[str, Any] = {}
        """The provider servers, by the name that `local.providers.SERVERS` has them under."""
        self.seconds_to_start = 0.0
        self._python = python
        self._sink = sink
        self._with_providers = providers
        self.ledger = ledger
        self._exit = contextlib.ExitStack()
        self.aws = Aws(
            self.region,
            max_delay=self.overrides.max_delay,
            visibility_timeout=self.overrides.visibility_timeout,
        )
        self.credentials = CloudCredentials(self.aws, self.providers, secrets=secrets)
        self.template: templates.Template
        self._queues: dict[str, str] = {}
        self._dead: set[str] = set()
        self._sender: Sender
        self._seeded: list[Fault] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Starts everything, or nothing."""
        began = time.monotonic()
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            self._start()
            undo.pop_all()
        self.seconds_to_start = time.monotonic() - began

    def stop(self) -> None:
        """Stops everything that was started."""
        self._exit.close()

    def _start(self) -> None:
        if not self._python.exists():
            raise LocalError(
                f"the functions' interpreter is missing: {self._python}",
                hints.make(".venv-runtime/.stamp"),
                status=FAILED,
            )
        self.aws.reserve()
        self._exit.callback(self.aws.stop)
        self.template = templates.read(
            self.template_path, stack=self.name, region=self.region, parameters=self.overrides.parameters
        )
        self.aws.start()
        self._queues, self._dead = self.template.queues()
        self._sender = Sender(self.aws, self.template, self._queues, lambda: self.work_queue)
        self._keep_reports()
        create(self.aws, self.template)
        self._start_providers()
        from local.providers import account_file, overridden  # noqa: PLC0415

        environment = overridden(self.credentials.variables() | self._environment(), self.overrides.environment)
        if self.providers:
            environment |= account_file.shared(environment, self.providers.values())
        self._create_functions(environment)
        self.credentials.hand_out(self.functions.values())
        self._create_mappings()
        self._serve_aws()
        now = datetime.now(UTC)
        for logical_id in self.template.of_type("AWS::Scheduler::Schedule"):
            self.schedules[logical_id] = schedules.specify(self.template, logical_id, now)
        for mapping in self.mappings.values():
            mapping.start()

    def _keep_reports(self) -> None:
        if self.ledger is None:
            return
        file = LedgerFile(self.ledger, lambda line: self._sink("ledger", line) if self._sink else None)
        topics = set(map(self.template.resolver.ref, self.template.of_type("AWS::SNS::Topic")))
        self.aws.topics.published = lambda topic, message: file.add(message) if topic in topics else None

    def _environment(self) -> dict[str, str]:
        """What Lambda sets besides, and AWS's address here."""
        return {
            **_KEYS,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.aws.url,
            "AWS_REGION": self.region,
        }

    def _start_providers(self) -> None:
        if not self._with_providers:
            return
        from local.providers import SERVERS  # noqa: PLC0415

        for provider, server_class in SERVERS.items():
            server = server_class()
            server.start()
            self._exit.callback(server.stop)
            self.providers[provider] = server

    def _create_functions(self, environment: Mapping[str, str]) -> None:
        for logical_id in self.template.of_type("AWS::Lambda::Function"):
            spec = specify_function(
                self.template,
                logical_id,
                python=self._python,
                environment=environment,
                timeout=self.overrides.timeout,
            )
            self.functions[logical_id] = Function(spec, self._sink)
        self._exit.callback(self._close_functions)

    def _create_mappings(self) -> None:
        by_name = {function.spec.name: function for function in self.functions.values()}
        for logical_id in self.template.of_type("AWS::Lambda::EventSourceMapping"):
            spec = mappings.specify(self.template, logical_id, window=self.overrides.batching_window)
            mappings.check_visibility(self.template, logical_id, spec)
            self.mappings[logical_id] = mappings.EventSourceMapping(
                spec, self.aws.queues, by_name[spec.function], self.region
            )
        self._exit.callback(self._stop_mappings)

    def _serve_aws(self) -> None:
        self.aws.serve("cloudformation", CloudFormation(self.name, self.region, self.outputs))
        # With real clouds nothing is invoked without a confirmation.
        self.aws.serve("lambda", Lambda(self.mappings, self.region, self.invoke if self._with_providers else None))

    def _close_functions(self) -> None:
        if self.functions:
            with ThreadPoolExecutor(len(self.functions)) as pool:
                list(pool.map(Function.close, self.functions.values()))

    def _stop_mappings(self) -> None:
        """Functions first: a mapping's thread may wait for one."""
        for mapping in self.mappings.values():
            mapping.stop_soon()
        self._close_functions()
        for mapping in self.mappings.values():
            mapping.stop()

    # What goes in

    def seed(self) -> None:
        """Puts the tags at the providers that the files in events/ are made for."""
        for server in self.providers.values():
            known = list(server.faults)
            server.seed()
            self._seeded += [rule for rule in server.faults if not any(rule is one for one in known)]

    def is_seeded(self, rule: "Fault") -> bool:
        """Whether a cloud's misbehaviour is one that the files in events/ rely on."""
        return any(rule is one for one in self._seeded)

    def send(self, event: Path | str | Mapping[str, Any] | list[Any], *, queue: str | None = None) -> list[Sent]:
        """Sends an event where its shape belongs: the queue that a batch names, the bus, the decommission queue for a
        vendor's event, or the work queue.

        A path is read; text is sent as it is. `queue` (a logical id) decides where messages go.
        """
        return self._sender.send(routing.read(event) if isinstance(event, Path) else event, queue)

    def invoke(self, function: str, payload: Any) -> "Answer":
        """Runs a function once, by logical id, name or ARN; the payload is anything that is JSON, or its bytes."""
        by_name = {known.spec.name: known for known in self.functions.values()}
        target = self.functions.get(function) or by_name.get(name_of(function))
        if target is None:
            raise LocalError(f"there is no function {function}", f"there is {', '.join(self.functions)}")
        return target.invoke(payload if isinstance(payload, bytes) else json.dumps(payload).encode())

    def fire(self, schedule: str, at: datetime | None = None) -> Sent:
        """Fires a schedule, by logical id or name, whether it is on or off; `at` is the time in its payload."""
        fired = schedules.find(self.schedules, schedule)
        payload = fired.payload(at or datetime.now(UTC))
        name = fired.target.rpartition(":")[2]
        if ":lambda:" in fired.target:
            sent = Sent("function", name, (self.invoke(name, payload.encode()).request_id,))
        else:
            sent = self._sender.send_message(routing.QueueMessage(payload, arn=fired.target))
        return replace(sent, note=fired.note)

    def fire_kept(self, moment: datetime | None = None) -> None:
        """Fires what is kept until later and is due at a moment; now, where none is named."""
        schedules.fire_kept(
            self.aws,
            lambda arn, body: self._sender.send_message(routing.QueueMessage(body, arn=arn)),
            moment or datetime.now(UTC),
        )

    @contextlib.contextmanager
    def clock(self, now: Callable[[], float] = time.time) -> Iterator[None]:
        """While it lasts, the schedules that are on fire by the clock; `now` gives seconds since the epoch."""
        clock = schedules.Clock(self.schedules, self.fire, now, self.fire_kept)
        self.schedule_failures = clock.failures
        clock.start()
        try:
            yield
        finally:
            clock.stop()

    # What comes out

    def drain(self, timeout: float = 90.0) -> None:
        """Waits until every queue that a function reads is empty; NotDrainedError after `timeout` seconds.

        A message counts until it is deleted or moved: visible, delayed or in flight. So nothing that will
        still be worked on is overlooked.
        """
        deadline = time.monotonic() + timeout
        read = {mapping.spec.queue for mapping in self.mappings.values()}
        while True:
            # One lock around all, so that a message that moves from one queue to another is seen in one of them.
            with self.aws.queues.lock:
                busy = {name for name in read if self.aws.queues.messages(name)}
            if not busy:
                return
            if time.monotonic() >= deadline:
                raise NotDrainedError(timeout, [queue for queue in self.queues().values() if queue.name in busy])
            time.sleep(_LOOK_AGAIN_SECONDS)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """While it lasts, no mapping begins a batch: what is sent meanwhile waits on its queue."""
        for mapping in self.mappings.values():
            mapping.pause()
        try:
            yield
        finally:
            for mapping in self.mappings.values():
                mapping.resume()

    def purge(self, queue: str) -> None:
        """Empties a queue, by logical id; unlike SQS, any number of times."""
        self.aws.queues.clear(self._sender.name_of(queue))

    def renew_credentials(self) -> None:
        """Has the functions know the accounts that the local clouds have by now."""
        self.credentials.renew(self.functions.values(), self.overrides.environment)

    def put_secret(self, name: str, value: Mapping[str, Any]) -> None:
        """Puts a secret, as JSON, where functions that read secrets find it."""
        self.aws.put_secret(name, json.dumps(value))

    def outage(self, *services: str) -> contextlib.AbstractContextManager[None]:
        """While it lasts, functions get 503 from these AWS services ("sqs", "sns", "secretsmanager")."""
        return self.aws.outage(*services)

    def queues(self) -> dict[str, QueueState]:
        """Every queue's counts, by logical id; those that have been deleted are left out."""
        states = {}
        for logical_id, name in self._queues.items():
            if name not in self.aws.queues.queues:
                continue
            counts = self.aws.queues.counts(name)
            states[logical_id] = QueueState(
                name, logical_id, counts.visible, counts.in_flight, counts.delayed, name in self._dead
            )
        return states

    def missing(self) -> list[str]:
        """What has been deleted since the stack started, by kind and logical id."""
        return missing.missing(self.aws, self.template)

    def messages(self, queue: str) -> "list[Message]":
        """The messages in a queue (by logical id), without receiving it."""
        return self.aws.queues.messages(self._sender.name_of(queue))

    def dead_letters(self) -> list[DeadLetter]:
        """Every message on a dead-letter queue, oldest first."""
        return contents.dead_letters(self.aws.queues, sorted(self._dead))

    def notifications(self, seen: Mapping[str, int] | None = None) -> list[Notification]:
        """What was published on the template's topics, in order; `seen` says how many of each topic's to leave out."""
        topics = map(self.template.resolver.ref, self.template.of_type("AWS::SNS::Topic"))
        return contents.notifications(self.aws.topics, topics, seen or {})

    def reports(self) -> list[Any]:
        """The bodies of everything that was published, parsed, in order."""
        return [notification.body for notification in self.notifications()]

    @property
    def outputs(self) -> dict[str, Any]:
        """The template's outputs, resolved."""
        return self.template.output_values()

    @property
    def work_queue(self) -> str:
        """The name of the queue for removal requests: the one that the functions know as UNTAG_QUEUE_URL.

        Where no function says so, it is the only queue that a function reads.
        """
        names = {
            function.spec.environment["UNTAG_QUEUE_URL"].rpartition("/")[2]
            for function in self.functions.values()
            if "UNTAG_QUEUE_URL" in function.spec.environment
        }
        candidates = names or {mapping.spec.queue for mapping in self.mappings.values()}
        if len(candidates) != 1:
            raise LocalError(f"{len(candidates)} queues could be meant", "name one of them")
        return candidates.pop()
