"""One campaign: the real function in processes that die, real HTTP to clouds and to an AWS that misbehave.

The storm, in which everything goes wrong at once, is here; what follows it in calmer weather is in `phases`. After the
storm, and around the redrive at the end, the account is drawn up.
"""

import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import clouds
import phases
from account import Account
from expiry import Expiry
from invocations import Invocations
from pairs import Json, distinct, pairs_of, rows_of, unwrapped
from rotation import Rotation
from scale import (
    CONCURRENCY,
    ENVIRONMENTS,
    FUNCTION_SECONDS,
    MAX_DELAY_SECONDS,
    SLACK_SECONDS,
    SPEED,
    VISIBILITY_SECONDS,
)
from weather import USUAL, AwsTrouble, Clouds, Mix
from workload import PROTECTED, workload

from events import Events
from local.stack import ROOT, DeadLetter, NotDrainedError, Overrides, Stack

HOOKS = Path(__file__).parent / "hooks"
FUNCTION = "RemoveTagsFunction"
QUEUE = "WorkQueue"
PHASES = ("storm", "rotation", "outage", "poison", "topic", "redrive")
_SECRET = ("access_key", "secret_key", "security_token", "client_secret", "access_token")
"""Fields of credentials that no text may show."""
_WAITING = 120
"""Messages that lie on the queue at most while the workload is sent: moto looks at all of them at each receive."""


@dataclass
class Outcome:
    """What a campaign came to."""

    seed: int
    requests: int = 0
    messages: int = 0
    pairs: int = 0
    findings: dict[str, list[str]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    chances: Counter[str] = field(default_factory=Counter)
    """Of the faults that only an answer of success can have: how many there were."""
    outcomes: Counter[str] = field(default_factory=Counter)
    figures: dict[str, Any] = field(default_factory=dict)
    guesses: Mapping[str, Any] = field(default_factory=dict)
    """What the clouds answered where no document says it, by server."""
    seconds: float = 0.0

    def add(self, findings: Mapping[str, list[str]], phase: str = "") -> None:
        """Findings of a phase."""
        for law, examples in findings.items():
            self.findings.setdefault(f"{phase}: {law}" if phase else law, []).extend(examples)


class Trouble(NamedTuple):
    """What goes wrong though no campaign orders it: there is too much to do for the time that there is."""

    time_outs: int = 0
    """Of the function, less those of processes that hung on order."""
    buried: tuple[DeadLetter, ...] = ()
    """Dead letters that SQS moved by itself, after as many receives as the template allows."""

    def since(self, earlier: "Trouble", phase: str) -> dict[str, int]:
        """The figures of a phase that began with the earlier trouble."""
        known = {letter.message_id for letter in earlier.buried}
        new = [letter for letter in self.buried if letter.message_id not in known]
        pairs = {pair for letter in new for request in unwrapped(letter.body) for pair in pairs_of(request)}
        return {
            f"function time-outs that were not ordered, in the {phase}": self.time_outs - earlier.time_outs,
            f"dead letters that SQS moved by itself, in the {phase}": len(new),
            f"pairs in them, in the {phase}": len(pairs),
        }


class Campaign:
    """A stack with the hooks in it, and what is done to it."""

    def __init__(
        self,
        seed: int,
        pairs: int,
        *,
        mix: Mix = USUAL,
        mutant: str = "",
        guess: int | None = None,
        only: Sequence[str] = (),
        read_first: bool = True,
        patience: float = 300,
        phases: Sequence[str] = PHASES,
    ) -> None:
        self.seed = seed
        self.phases = phases
        self.guess = seed if guess is None else guess
        self.read_first = read_first
        self.mix = mix
        self.patience = patience
        self.work = workload(seed, pairs, only)
        self.outcome = Outcome(seed, len(self.work.requests), len(self.work.bodies), self.work.pairs)
        self.log: list[str] = []
        self.sent: list[str] = []
        self.rotation = Rotation(self)
        self._most_waiting = _WAITING
        self._temporary = tempfile.TemporaryDirectory()
        self.flags = Path(self._temporary.name)
        self.environment = {
            "CAMPAIGN_SPEED": str(SPEED),
            "CAMPAIGN_SLACK": str(SLACK_SECONDS),
            "CAMPAIGN_FLAGS": str(self.flags),
            "CAMPAIGN_MUTANT": mutant,
            "PYTHONPATH": f"{HOOKS}:{ROOT / 'layers' / 'untag' / 'python'}",
            "UNTAG_ALLOWED_ACCOUNTS": ",".join(clouds.ALLOWED),
            "UNTAG_CREDENTIALS": "secretsmanager:untag",
            "UNTAG_MAX_PAIRS": "6000",
            "UNTAG_PROTECTED_KEYS": PROTECTED,
            "UNTAG_RATE": "100000",
            "UNTAG_READ_FIRST": "on" if read_first else "off",
            "UNTAG_CONCURRENCY": str(CONCURRENCY),
            "POWERTOOLS_LOG_LEVEL": "DEBUG",
        }
        self.all_secrets: set[str] = {"local-secret", "local-token"}

    def run(self) -> Outcome:
        """All phases; what was found is in the outcome."""
        began = time.monotonic()
        overrides = Overrides(
            environment=self.environment,
            parameters={"MaximumConcurrency": str(ENVIRONMENTS)},
            visibility_timeout=VISIBILITY_SECONDS,
            batching_window=0.1,
            max_delay=MAX_DELAY_SECONDS,
            timeout=FUNCTION_SECONDS,
        )
        with self._temporary, Stack(overrides=overrides, sink=lambda _, line: self.log.append(line)) as self.stack:
            self._give_keys()
            self.work.load(self.stack.providers)
            self.outcome.guesses = clouds.guess(self.stack.providers, self.guess)
            self.clouds = Clouds(self.stack.providers, self.mix)
            self.expiry = Expiry(self.stack.providers["azure-login"], self.stack.providers["azure"])
            self.aws = AwsTrouble(self.stack, self.mix, self.seed)
            self.invocations = Invocations(self.stack.functions[FUNCTION])
            self.account = Account(
                self.work.requests,
                self.stack.providers,
                self.invocations.reason_to_come_again,
                read_first=self.read_first,
            )
            for name in self.phases:
                started = time.monotonic()
                try:
                    phases.PHASES.get(name, Campaign.storm)(self)
                except NotDrainedError as error:
                    self._broken_off(name, error)
                    break
                finally:
                    self.outcome.figures[f"seconds of the {name}"] = round(time.monotonic() - started)
            self.outcome.figures["tokens of Azure that were used"] = len(self.expiry.used)
            if self.expiry.late:
                self.outcome.add({"a token is used after its end": self.expiry.late})
            self._leaks()
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def _give_keys(self) -> None:
        """Keys of several accounts, at the clouds and in Secrets Manager."""
        for provider, account, secret in clouds.open_accounts(self.stack.providers):
            self.all_secrets |= {secret[name] for name in _SECRET if name in secret}
            self.stack.put_secret(f"untag/{provider}/{account}", secret)

    # The storm

    def storm(self) -> None:
        """The whole workload, with everything going wrong at once."""
        (self.flags / "deaths").write_text(f"{self.mix.killed} {self.mix.hung}")
        events = Events(self)
        # A short workload is sent in as many parts as a long one, so that what happens to it happens in its middle.
        self._most_waiting = min(_WAITING, max(10, len(self.work.bodies) // 12))
        sender = threading.Thread(target=self.send, args=(self.work.bodies,))
        sender.start()
        try:
            events.run(sender)
            self._most_waiting = _WAITING
            sender.join()
            events.count_refusals()
            self.stack.drain(self.patience)
            if (sent := len(self.sent)) != len(self.work.bodies):
                self.outcome.add(
                    {"the campaign itself failed": [f"{sent} of {len(self.work.bodies)} messages were sent"]}
                )
        finally:
            (self.flags / "deaths").unlink()
            self.outcome.figures |= events.figures
            self.outcome.add(events.findings)
            self._count()
        self.draw_up("storm")

    def send(self, bodies: Iterable[str]) -> None:
        """Messages to the work queue, on which no more than `_most_waiting` lie at a time."""
        end = time.monotonic() + 4 * self.patience
        for body in bodies:
            while self.stack.queues()[QUEUE].total > self._most_waiting and time.monotonic() < end:
                time.sleep(0.1)  # counting keeps moto from its work
            # Straight to the queue, as a rule or a subscription would: a body as it lies there.
            self.stack.aws.queues.send_message(self.stack.work_queue, body)
            self.sent.append(body)

    # What the phases do

    def calm(self) -> None:
        """Fair weather from now on."""
        self.clouds.clear()
        self.aws.on = False

    def ask(self, requests: list[Json], *, together: bool = True) -> None:
        """Requests that are the account's business too; what they name stands there.

        `together`: no batch begins before all of them are on the queue.
        """
        for request in requests:
            (group,) = request["resources"]
            tags = {tag["key"]: tag["value"] for tag in request["tags"]}
            config = request["provider"] == "huaweicloud"
            place = {"account": request["account"], "region": request.get("region", ""), "type": group["type"]}
            server = self.stack.providers["huaweicloud-config" if config else "jdcloud"]
            server.tags.load({**place, "id": id_, "tags": tags} for id_ in group["ids"])
            self.account.add(request)
        if together:
            with self.stack.paused():
                self._put(requests)
        else:
            self._put(requests)

    def _put(self, requests: list[Json]) -> None:
        for request in requests:
            self.stack.aws.queues.send_message(self.stack.work_queue, json.dumps(request))

    def trouble(self) -> Trouble:
        """What went wrong so far though the campaign did not order it."""
        hung = self.flags / "hung"
        ordered = len(hung.read_bytes()) if hung.exists() else 0
        buried = [letter for letter in self.stack.dead_letters() if "reason" not in letter.attributes]
        return Trouble(self.invocations.timed_out - ordered, tuple(buried))

    def draw_up(self, phase: str, *, last: bool = False) -> None:
        """What does not agree by now. `last`: no dead letter is redriven any more."""
        letters = self.stack.dead_letters()
        self.outcome.add(self.account.findings(self.stack.reports(), letters, last=last), phase)
        bodies = Counter(letter.body for letter in letters if letter.attributes.get("code") == "invalid")
        missing = [body[:80] for body in self.work.invalid if not bodies[body]]
        strange = [body[:80] for body in bodies if body not in self.work.invalid]
        if missing or strange:
            self.outcome.add({"invalid bodies": [*missing, *strange]}, phase)

    def _broken_off(self, phase: str, error: Exception) -> None:
        """A phase that does not end: what can be said of it without its end."""
        self.outcome.add({"does not come to an end": [f"{phase}: {error}"]})
        broken = self.account.findings(self.stack.reports(), self.stack.dead_letters())
        unsure = {"lost", "failed without a letter", "cannot be undone", "rejected without a report"}
        self.outcome.add({law: examples for law, examples in broken.items() if law not in unsure})

    # What is counted

    def _count(self) -> None:
        """The faults and the figures of the storm."""
        reports = self.stack.reports()
        self.account.read(reports, [])
        cost = self.account.cost()
        failures = Counter(failure for mapping in self.stack.mappings.values() for failure in mapping.failures)
        self.outcome.faults = self.clouds.counts() + self.aws.counts
        self.outcome.chances = self.clouds.chances()
        self.outcome.faults["SIGKILL of the function"] = failures["Runtime.ExitError"]
        self.outcome.faults["function time-out"] = failures["Sandbox.Timedout"]
        attempts = Counter(report["attempt"] for report in reports if report["kind"] == "removal")
        ids = Counter(request["id"] for _, body in self.aws.sent for request in unwrapped(body))
        once = distinct(reports)
        self.outcome.outcomes = Counter(row["outcome"] for report in once for _, row in rows_of(report))
        self.outcome.figures |= {
            "provider calls": sum(len(server.calls) for server in self.stack.providers.values()),
            "calls per pair, p50": cost.at(0.5),
            "calls per pair, p99": cost.at(0.99),
            "calls per pair, most": cost.at(1.0),
            "invocations": self.stack.functions[FUNCTION].invocations,
            "reports": len(reports),
            "reports published more than once": len(reports) - len(once),
            "requests held back whole": sum("held_back" in report for report in once),
            "bodies rejected": sum(report["kind"] == "rejected" for report in once),
            "attempts, most": max(attempts, default=0),
            "reports by attempt": dict(sorted(attempts.items())),
            "messages on the work queue per request, most": max(ids.values(), default=0),
            **self.trouble().since(Trouble(), "storm"),
        }

    def _leaks(self) -> None:
        """No key is in a log line (metrics are log lines too), a message, a report or a letter."""
        texts = [*self.log, *(body for _, body in self.aws.sent)]
        texts += [
            json.dumps(note.body, ensure_ascii=False) + str(note.attributes) + str(note.subject)
            for note in self.stack.notifications()
        ]
        texts += [letter.body + str(letter.attributes) for letter in self.stack.dead_letters()]
        text = "\n".join(texts)
        self.all_secrets |= self.expiry.used
        leaked = sorted(secret for secret in self.all_secrets if secret in text)
        self.outcome.figures["log lines, messages, reports and letters searched for keys"] = len(texts)
        if leaked:
            self.outcome.add({"keys told": leaked})
