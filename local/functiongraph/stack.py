"""The whole on this machine: FunctionGraph with the host's services, the functions, and a server for each cloud.

with FunctionGraphStack() as stack:
    stack.seed()
    stack.send(Path("events/jdcloud_sqs_batch.json"))
    stack.drain()
    stack.reports()
"""

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

from local import ROOT, RUNTIME_PYTHON
from local.aws import routing
from local.errors import LocalError
from local.functiongraph import Agency, CsmsServer, FunctionGraphServer, ObsServer, SmnServer, contents, endpoints
from local.functiongraph import code as codes
from local.functiongraph.bucket import StoredObject
from local.functiongraph.clock import Clock
from local.functiongraph.deployment import (
    BUCKET,
    DECOMMISSION,
    DUE,
    DUE_TIMER,
    EACH_MINUTE,
    EVENTS_TOPIC,
    FUNCTIONS,
    GIVEN_UP,
    MAX_PAIRS,
    REMOVE,
    REQUESTS_TOPIC,
    RETRIES,
    SECRETS,
    SWEEP,
    TOPIC,
)
from local.functiongraph.functions import EmulatedFunctions
from local.functiongraph.instance import FunctionSpec
from local.functiongraph.sending import QUEUES, Sender
from local.functiongraph.service import PROJECT, REGION
from local.functiongraph.sweeps import note_on, sweep_timer
from local.functiongraph.timers import TimerClock, TimerTrigger, parse
from local.functions.runtime import Answer
from local.providers import SERVERS, Fault, ProviderServer, environment, overridden
from local.reports.ledger import LedgerFile
from local.shapes import DeadLetter, NotDrainedError, Notification, QueueState, Sent


class _Credentials:
    """The clouds' credentials, which the functions read from secrets."""

    secrets = True

    def __init__(self, stack: "FunctionGraphStack") -> None:
        self._stack = stack

    def accounts(self) -> dict[str, dict[str, Any]]:
        """What every account's secret holds, by provider and account."""
        return self._stack.accounts()


_BYTECODE = ROOT / ".local" / "functiongraph-bytecode"
_LOOK_AGAIN_SECONDS = 0.01


class FunctionGraphStack:
    """The deployment on FunctionGraph, running on this machine. Everything listens on 127.0.0.1 only.

    code           the zip, or the folder with its content; None: the source tree, laid out as the zip is
    environment    names for the variable `UNTAG`, over those that the stack sets
    terraform      Terraform's variables for the sweep's timer
    timeout        seconds, for every function, in place of its own
    sink           is given every line that a function prints, with the function's name
    ledger         a folder that keeps every report; None keeps none
    watched        more variables of each process, for what watches it from within
    """

    host: Literal["functiongraph"] = "functiongraph"

    def __init__(
        self,
        *,
        code: Path | None = None,
        python: Path = RUNTIME_PYTHON,
        environment: Mapping[str, str] | None = None,
        terraform: Mapping[str, str] | None = None,
        timeout: float | None = None,
        sink: Callable[[str, str], None] | None = None,
        ledger: Path | None = None,
        watched: Mapping[str, str] | None = None,
        seed: int = 0,
    ) -> None:
        self.name = "untag"
        self.region = REGION
        self.ledger = ledger
        self.seconds_to_start = 0.0
        self.providers: dict[str, ProviderServer] = {}
        self.time = Clock()
        self.agency = Agency()
        self.user = self.agency.add_user("operator")
        """The keys of the person at the command line."""
        now = self.time.now
        self.obs = ObsServer(self.agency, (BUCKET,), clock=now, seed=seed)
        self.smn = SmnServer(self.agency, clock=now, seed=seed)
        self.csms = CsmsServer(self.agency, clock=now, seed=seed)
        self.functions = EmulatedFunctions(self.agency, self.time, sink=sink, seed=seed)
        self.api = FunctionGraphServer(self.agency, clock=now, seed=seed, functions=self.functions)
        self.services = (self.obs, self.smn, self.csms, self.api)
        self.bucket = self.obs.buckets[BUCKET]
        self.functions.destination = self._write_down
        self.topic = self.smn.add_topic(TOPIC)
        self.timers = {
            DUE: TimerTrigger(DUE_TIMER, DUE, parse(EACH_MINUTE)),
            SWEEP: sweep_timer(terraform or {}),
        }
        self.puts_clock_forward = True
        """Whether `drain` does so; a person's stack has the machine's time, as the clouds' clients have."""
        self._sender = Sender(self.smn, self.api, self.bucket, self.timers[SWEEP], self.time.now)
        self.misses: Callable[[TimerTrigger], bool] = lambda _timer: False
        """Whether a firing of a timer by the clock is missed."""
        self._code = code
        self._python = python
        self._given = dict(environment or {})
        self._timeout = timeout
        self._sink = sink
        self._watched = dict(watched or {})
        self._exit = contextlib.ExitStack()
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

    def _write_down(self, failure: Mapping[str, Any]) -> None:
        """What the destination of failures is sent."""
        name = f"{GIVEN_UP}{failure['request_context']['request_id']}.json"
        self.bucket.put(name, StoredObject(json.dumps(failure, ensure_ascii=False).encode(), modified=self.time.now()))

    def _start(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="functiongraph-"))
        self._exit.callback(shutil.rmtree, folder, ignore_errors=True)
        self._exit.callback(self.time.close)
        for name, server_class in SERVERS.items():
            server = server_class(clock=self.time.now)
            server.start()
            self._exit.callback(server.stop)
            self.providers[name] = server
        for service in self.services:
            self._exit.enter_context(service)
        self._hand_out_secrets()
        self._connect_topics()
        content = self._lay_out(folder / "code")
        self._exit.callback(self.functions.close)
        self._deploy(content)

    def _lay_out(self, folder: Path) -> Path:
        if self._code is None:
            return codes.lay_out(folder, self._python)
        return self._code if self._code.is_dir() else codes.unpack(self._code, folder)

    def _hand_out_secrets(self) -> None:
        """A secret for each account; and the agency's keys are good for the account that the functions run in."""
        for name, secret in self.accounts().items():
            self.csms.put(f"{SECRETS}-{name.replace('/', '-')}", json.dumps(secret))

    @property
    def credentials(self) -> "_Credentials":
        """Where the functions have the clouds' credentials from."""
        return _Credentials(self)

    def accounts(self) -> dict[str, dict[str, Any]]:
        """What every account's secret holds, by provider and account."""
        accounts: dict[str, dict[str, Any]] = {}
        for server in self.providers.values():
            for name, secret in server.secrets.items():
                accounts.setdefault(f"{server.provider}/{name}", {}).update(secret)
        return accounts

    def _connect_topics(self) -> None:
        for topic, function in ((REQUESTS_TOPIC, REMOVE), (EVENTS_TOPIC, DECOMMISSION)):
            self.smn.subscribe(self.smn.add_topic(topic), partial(self._sender.trigger, function))
        if self.ledger is not None:
            file = LedgerFile(self.ledger, lambda line: self._sink("ledger", line) if self._sink else None)
            self.smn.subscribe(self.topic, lambda published: file.add(published.message))

    def variables(self) -> dict[str, str]:
        """What stands in the variable `UNTAG`."""
        clouds = environment(self.providers.values())
        own = {
            **{name: value for name, value in clouds.items() if name.startswith("UNTAG_")},
            "UNTAG_ENDPOINTS": f"{clouds['UNTAG_ENDPOINTS']},{endpoints(*self.services)}",
            "UNTAG_BUCKET": BUCKET,
            "UNTAG_TOPIC_URN": self.topic,
            "UNTAG_REMOVE_FUNCTION": REMOVE,
            "UNTAG_DECOMMISSION_FUNCTION": DECOMMISSION,
            "UNTAG_SWEEP_FUNCTION": SWEEP,
            "UNTAG_CREDENTIALS": f"csms:{SECRETS}",
        }
        return overridden(own, self._given)

    def outputs(self) -> dict[str, Any]:
        """What Terraform's outputs say of a deployment, by their names there."""
        variables = self.variables()
        topics = {"reports": TOPIC, "requests": REQUESTS_TOPIC, "events": EVENTS_TOPIC}
        return {
            "bucket": BUCKET,
            **{f"{name}_topic": self.smn.add_topic(topic) for name, topic in topics.items()},
            "functions": {one.handler.removeprefix("index."): self.api.urn(one.name) for one in FUNCTIONS},
            "max_pairs": int(variables.get("UNTAG_MAX_PAIRS") or MAX_PAIRS),
            "keeps_reports": variables.get("UNTAG_KEEP_REPORTS") == "on",
        }

    def _deploy(self, content: Path) -> None:
        user_data = {"UNTAG": json.dumps(self.variables(), ensure_ascii=False, separators=(",", ":"))}
        for function in FUNCTIONS:
            self.functions.add(
                FunctionSpec(
                    function.name,
                    function.handler,
                    content,
                    self._python,
                    user_data,
                    timeout=self._timeout or function.timeout,
                    max_instances=function.max_instances,
                    retries=RETRIES,
                    project=PROJECT,
                    bytecode=_BYTECODE,
                    environment=self._watched,
                )
            )

    def renew_credentials(self) -> None:
        """Has the functions know the accounts that the local clouds have by now."""
        self._hand_out_secrets()
        self._deploy(self.functions.specs()[0].code)

    # What goes in

    def seed(self) -> None:
        """Puts the tags at the providers that the files in events/ are made for."""
        for server in self.providers.values():
            known = list(server.faults)
            server.seed()
            self._seeded += [rule for rule in server.faults if not any(rule is one for one in known)]

    def is_seeded(self, rule: Fault) -> bool:
        """Whether a cloud's misbehaviour is one that the files in events/ rely on."""
        return any(rule is one for one in self._seeded)

    def send(self, event: Path | str | Mapping[str, Any] | list[Any], *, queue: str | None = None) -> list[Sent]:
        """Sends an event the way in that its shape belongs to; `queue` decides where messages lie.

        A path is read; text is sent as it is.
        """
        return self._sender.send(routing.read(event) if isinstance(event, Path) else event, queue)

    def put(self, queue: str, body: str) -> Sent:
        """Puts a message on a queue and rings for it."""
        return self._sender.put(queue, body)

    def invoke(self, function: str, payload: Any) -> Answer:
        """Runs a function once, by name; the payload is anything that is JSON, or its bytes."""
        began = time.monotonic()
        if not self.functions.knows(function):
            raise LocalError(f"there is no function {function}", f"there is {', '.join(one.name for one in FUNCTIONS)}")
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        outcome = self.functions.invoke(function, body)
        seconds = time.monotonic() - began
        return Answer(outcome.request_id, outcome.body, outcome.error, seconds=seconds, log=outcome.log)

    def fire(self, timer: str, at: datetime | None = None) -> Sent:
        """Fires a timer, by its function's name or its own, whether it is on or off; `at` is the time in its event."""
        for function, one in self.timers.items():
            if timer in {function, one.name}:
                return replace(self._sender.fire(one, at or self._moment()), note=note_on(one))
        raise LocalError(
            f"there is no timer {timer}", f"there is {', '.join(one.name for one in self.timers.values())}"
        )

    @contextlib.contextmanager
    def clock(self) -> Iterator[None]:
        """While it lasts, the timers that are on fire by the clock."""

        def fire(timer: TimerTrigger, at: datetime) -> None:
            if not self.misses(timer):
                self._sender.fire(timer, at)

        clock = TimerClock(self.timers.values(), fire, self.time.now)
        clock.start()
        try:
            yield
        finally:
            clock.stop()

    def redrive(self, queue: str = "work") -> Answer:
        """Puts a queue's dead letters back, all but what is invalid."""
        return self.invoke(DUE, {"untag": 1, "redrive": queue})

    # What comes out

    def drain(self, timeout: float = 60.0) -> None:
        """Waits until every queue is empty and nothing runs; NotDrainedError after `timeout` seconds.

        Where a message is due only later, the clock is put forward to that time, and the timer is fired.
        """
        deadline = time.monotonic() + timeout
        while True:
            if not self.functions.wait_idle(max(0.0, deadline - time.monotonic())):
                break
            messages, given_up = self.waiting(), self.bucket.keys(GIVEN_UP)
            if not messages and not given_up:
                return
            if time.monotonic() >= deadline:
                break
            if self.puts_clock_forward:
                if not given_up:
                    self.time.advance(max(0.0, messages[0].due + 1 - self.time.now()))
                self.fire(DUE)
            time.sleep(_LOOK_AGAIN_SECONDS)
        raise NotDrainedError(timeout, [queue for queue in self.queues().values() if queue.name in QUEUES])

    def waiting(self) -> list[contents.Waiting]:
        """The messages on all queues, the one that is due first before the others."""
        return contents.waiting(self.bucket, QUEUES)

    def queues(self) -> dict[str, QueueState]:
        """Every queue's counts, and those of its dead letters, by name."""
        return contents.queue_states(self.bucket, QUEUES, self.time.now())

    def dead_letters(self) -> list[DeadLetter]:
        """Every dead letter, the oldest of each queue first."""
        return contents.dead_letters(self.bucket, QUEUES)

    def notifications(self, seen: Mapping[str, int] | None = None) -> list[Notification]:
        """What was published by the functions, in order; `seen` says how many of each topic's to leave out."""
        published = [one for one in self.smn.published if one.topic == self.topic]
        known = (seen or {}).get(TOPIC, 0)
        return [
            Notification(TOPIC, one.message_id, one.subject, dict(one.attributes), one.body, number)
            for number, one in enumerate(published[known:], known + 1)
        ]

    def reports(self) -> list[Any]:
        """The bodies of everything that was published, parsed, in order."""
        return [notification.body for notification in self.notifications()]

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self.time.now(), UTC)
