"""One campaign: the real function in processes that die, real HTTP to clouds and to an AWS that misbehave.

The phases: a storm in which everything goes wrong at once; a record that kills the process, among neighbours; an outage
of the topic; and, in fair weather, every dead letter sent again. After each the account is drawn up.
"""

import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from account import BAD, Account, Asked, pairs_of, rows_of, unwrapped
from scale import (
    CALM_VISIBILITY_SECONDS,
    CIRCUIT_SECONDS,
    CONCURRENCY,
    ENVIRONMENTS,
    FUNCTION_SECONDS,
    MAX_DELAY_SECONDS,
    NEIGHBOURS,
    OUTAGE_SECONDS,
    SHORT_VISIBILITY_SECONDS,
    SPEED,
    VISIBILITY_SECONDS,
)
from weather import USUAL, AwsTrouble, Clouds, Mix
from workload import ACCOUNTS, CLOUDS, PROTECTED, Json, Place, neighbours, workload

from events import Events
from local.providers.accounts import Account as CloudAccount
from local.stack import ROOT, NotDrainedError, Overrides, Stack

HOOKS = Path(__file__).parent / "hooks"
FUNCTION = "RemoveTagsFunction"
QUEUE = "WorkQueue"
PHASES = ("storm", "outage", "poison", "topic", "redrive")
_WAITING = 300
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
    seconds: float = 0.0

    def add(self, findings: Mapping[str, list[str]], phase: str = "") -> None:
        """Findings of a phase."""
        for law, told in findings.items():
            self.findings.setdefault(f"{phase}: {law}" if phase else law, []).extend(told)


class Campaign:
    """A stack with the hooks in it, and what is done to it."""

    def __init__(
        self,
        seed: int,
        pairs: int,
        *,
        mix: Mix = USUAL,
        mutant: str = "",
        unbound: str = "failed",
        patience: float = 300,
        phases: Sequence[str] = PHASES,
    ) -> None:
        self.seed = seed
        self.phases = phases
        self.unbound = unbound
        self.mix = mix
        self.patience = patience
        self.work = workload(seed, pairs)
        self.told = Outcome(seed, len(self.work.requests), len(self.work.bodies), self.work.pairs)
        self.log: list[str] = []
        self.sent: list[str] = []
        self._temporary = tempfile.TemporaryDirectory()
        self.flags = Path(self._temporary.name)
        self.environment = {
            "CAMPAIGN_SPEED": str(SPEED),
            "CAMPAIGN_FLAGS": str(self.flags),
            "CAMPAIGN_MUTANT": mutant,
            "PYTHONPATH": f"{HOOKS}:{ROOT / 'layers' / 'untag' / 'python'}",
            "UNTAG_CREDENTIALS": "secretsmanager:untag",
            "UNTAG_MAX_PAIRS": "6000",
            "UNTAG_PROTECTED_KEYS": PROTECTED,
            "UNTAG_RATE": "100000",
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
            self.keys()
            self.work.load(self.stack.providers)
            jdcloud = self.stack.providers["jdcloud"]
            jdcloud.options = replace(jdcloud.options, unbound=self.unbound)
            self.clouds = Clouds(self.stack.providers, self.mix)
            self.aws = AwsTrouble(self.stack, self.mix, self.seed)
            self.account = Account(self.work.requests, self.stack.providers)
            for phase in [getattr(self, name) for name in self.phases]:
                started = time.monotonic()
                try:
                    phase()
                except NotDrainedError as error:
                    self._broken_off(phase.__name__, error)
                    break
                finally:
                    self.told.figures[f"seconds of the {phase.__name__}"] = round(time.monotonic() - started)
            self._leaks()
        self.told.seconds = time.monotonic() - began
        return self.told

    def keys(self) -> None:
        """Keys of several accounts, at the clouds and in Secrets Manager; each of them is marked."""
        for provider, accounts in ACCOUNTS.items():
            servers = [self.stack.providers[name] for name, cloud in CLOUDS.items() if cloud == provider]
            for server in servers:
                server.credentials.clear()
            for name in accounts:
                domain = "00000000000000000000000000d0ma1n" if provider == "huaweicloud" else None
                key, secret = f"MARKEDKEY{provider.upper()}{name.upper()}", f"marked-secret-{provider}-{name}"
                for server in servers:
                    server.credentials[key] = CloudAccount(secret, domain_id=domain, name=name)
                self.all_secrets |= {key, secret}
                found = {"access_key": key, "secret_key": secret, "domain_id": domain}
                self.stack.put_secret(
                    f"untag/{provider}/{name}", {name: value for name, value in found.items() if value}
                )

    # The phases

    def storm(self) -> None:
        """The whole workload, with everything going wrong at once."""
        (self.flags / "deaths").write_text(f"{self.mix.killed} {self.mix.hung}")
        events = Events(self)
        sender = threading.Thread(target=self._send, args=(self.work.bodies,))
        sender.start()
        try:
            events.run(sender)
            sender.join()
            self.stack.drain(self.patience)
            if (sent := len(self.sent)) != len(self.work.bodies):
                self.told.add({"the campaign itself failed": [f"{sent} of {len(self.work.bodies)} messages were sent"]})
        finally:
            (self.flags / "deaths").unlink()
            self.told.figures |= events.figures
            self.told.add(events.findings)
            self._figures()
        self._draw_up("storm")

    def _send(self, bodies: Iterable[str]) -> None:
        bodies = list(bodies)
        # A short workload is sent in as many parts as a long one, so that what happens to it happens in its middle.
        most = min(_WAITING, max(10, len(bodies) // 12))
        end = time.monotonic() + 4 * self.patience
        for body in bodies:
            while self.stack.queues()[QUEUE].total > most and time.monotonic() < end:
                time.sleep(0.02)
            # Straight to the queue, as a rule or a subscription would: a body as it lies there.
            self.stack.aws.queues.send_message(self.stack.work_queue, body)
            self.sent.append(body)

    def outage(self) -> None:
        """No call is answered for a minute, while there is work for hundreds of them: the circuit opens."""
        self.clouds.clear()
        self.aws.on = False
        server = self.stack.providers["huaweicloud-config"]
        place = Place(server.name, "blue", "", "config:aggregators")
        tags = [{"key": "env", "value": "prod"}]
        requests = [
            place.request([f"dark-{number}-{n}" for n in range(10)], tags, id=f"dark-{number}") for number in range(40)
        ]
        dark = server.faults.add("unavailable")
        before = len(server.calls)
        self._ask(requests)
        time.sleep(OUTAGE_SECONDS / SPEED)
        dark.times = 0
        made = len(server.calls) - before
        # In each process ten until it opens and what is in flight then, and what is in flight at each later try.
        bound = ENVIRONMENTS * (10 + CONCURRENCY * (1 + int(OUTAGE_SECONDS / CIRCUIT_SECONDS)))
        self.told.figures |= {
            "calls during a minute's outage with work for 400": made,
            "bound of calls during that outage": bound,
        }
        if made > bound:
            self.told.add({"the circuit does not open": [f"{made} calls, {bound} would be enough"]})
        self.stack.drain(self.patience)

    def poison(self) -> None:
        """A record that kills the process, again and again, among neighbours that share its calls."""
        self.stack.aws.queues.visibility_timeout = CALM_VISIBILITY_SECONDS
        (self.flags / "killers").touch()
        # Few enough that they can be worked at one by one before they come back: the queue's time is cut short, the
        # processes' is not.
        around = list(neighbours(NEIGHBOURS, "beside"))
        killers = list(neighbours(1, "i-killer"))
        self._ask([*around[: NEIGHBOURS // 3], *killers, *around[NEIGHBOURS // 3 :]])
        end = time.monotonic() + self.patience
        while self._silent("beside", NEIGHBOURS) and time.monotonic() < end:
            time.sleep(0.1)
        # Nobody but the killer is left: it goes to the dead letters by SQS's own redrive.
        self.stack.aws.queues.visibility_timeout = SHORT_VISIBILITY_SECONDS
        self.stack.drain(self.patience)
        (self.flags / "killers").unlink()
        crashed = {
            request["id"]
            for letter in self.stack.dead_letters()
            if "reason" not in letter.attributes
            for request in unwrapped(letter.body)
        }
        beside = sorted(id_ for id_ in crashed if id_.startswith("beside"))
        if beside:
            self.told.add({"neighbours taken along by a killer": beside})
        if missing := sorted({request["id"] for request in killers} - crashed):
            self.told.add({"a killer that left no letter": missing})
        self.told.figures["neighbours of a killer on the dead-letter queue"] = len(beside)

    def _silent(self, prefix: str, count: int) -> bool:
        """Whether some of these requests have neither a report nor a dead letter."""
        told = {report["id"] for report in self.stack.reports()[-500:] if report["id"].startswith(prefix)}
        dead = {request["id"] for letter in self.stack.dead_letters() for request in unwrapped(letter.body)}
        return len(told | {id_ for id_ in dead if id_.startswith(prefix)}) < count

    def topic(self) -> None:
        """The topic is down while a cloud throttles, so that each receive has a remainder that it could send."""
        slow = list(neighbours(20, "i-slow", account="green"))
        fault = self.stack.providers["jdcloud"].faults.add("throttle", ids=("i-slow-*",))
        with self.stack.paused():
            self._ask(slow)
        before = len(self.aws.sent)
        began = time.monotonic()
        with self.stack.outage("sns"):
            time.sleep(VISIBILITY_SECONDS * 0.8)  # ten minutes of a queue that hides messages for 750 seconds
            self.told.figures["topic outage, queue seconds"] = round(
                (time.monotonic() - began) / VISIBILITY_SECONDS * 750
            )
            grown = len(self.aws.sent) - before
        fault.times = 0
        self.stack.drain(self.patience)
        self.told.figures["messages added to the work queue while the topic was down"] = grown
        if grown:
            self.told.add({"messages multiply while the topic is down": [f"{grown} for {len(slow)} requests"]})

    def redrive(self) -> None:
        """Fair weather, and every letter but the invalid ones is sent again as it lies."""
        self.clouds.clear()
        self.aws.on = False
        self._draw_up("before the redrive")
        letters = [letter for letter in self.stack.dead_letters() if letter.attributes.get("code") != "invalid"]
        known = len(self.stack.reports())
        again = {
            Asked(request["id"], pair)
            for one in letters
            for request in unwrapped(one.body)
            for pair in pairs_of(request)
        }
        self._send(letter.body for letter in letters)
        self.stack.drain(self.patience)
        rows = [found for report in self.stack.reports()[known:] for found in rows_of(report)]
        ended = {asked for asked, _ in rows}
        self.told.figures |= {
            "dead letters redriven": len(letters),
            "pairs in them": len(again),
            "of these failed again": sum(row["outcome"] in BAD for _, row in rows),
        }
        if again - ended:
            self.told.add({"redriven without an end": [f"{asked}" for asked in sorted(again - ended, key=str)]})
        # Every pair has its outcome now; a letter is no excuse any more.
        lost = [f"{asked}" for asked in self.account.asked if asked not in self._terminal()]
        self.told.add({"lost after all": lost} if lost else {})
        self._draw_up("after the redrive")

    def _terminal(self) -> set[Asked]:
        if not hasattr(self, "_ended"):
            self._ended = {asked for report in self.stack.reports() for asked, _ in rows_of(report)}
        return self._ended

    # What is counted

    def _broken_off(self, phase: str, error: Exception) -> None:
        """A phase that does not end: what can be said of it without its end."""
        self.told.add({"does not come to an end": [f"{phase}: {error}"]})
        found = self.account.findings(self.stack.reports(), self.stack.dead_letters())
        self.told.add({law: told for law, told in found.items() if law not in {"lost", "failed without a letter"}})

    def _ask(self, requests: list[Json]) -> None:
        """Requests that are the account's business too, together on the queue; what they name stands there."""
        for request in requests:
            (group,) = request["resources"]
            tags = {tag["key"]: tag["value"] for tag in request["tags"]}
            config = request["provider"] == "huaweicloud"
            place = {"account": request["account"], "region": request.get("region", ""), "type": group["type"]}
            server = self.stack.providers["huaweicloud-config" if config else "jdcloud"]
            server.tags.load({**place, "id": id_, "tags": tags} for id_ in group["ids"])
            self.account.add(request)
        with self.stack.paused():
            for request in requests:
                self.stack.aws.queues.send_message(self.stack.work_queue, json.dumps(request))

    def _draw_up(self, phase: str) -> None:
        letters = self.stack.dead_letters()
        self.told.add(self.account.findings(self.stack.reports(), letters), phase)
        bodies = Counter(letter.body for letter in letters if letter.attributes.get("code") == "invalid")
        missing = [body[:80] for body in self.work.invalid if not bodies[body]]
        strange = [body[:80] for body in bodies if body not in self.work.invalid]
        if missing or strange:
            self.told.add({"invalid bodies": [*missing, *strange]}, phase)

    def _figures(self) -> None:
        reports = self.stack.reports()
        self.account.read(reports, [])
        cost = self.account.cost()
        failures = Counter(failure for mapping in self.stack.mappings.values() for failure in mapping.failures)
        self.told.faults = self.clouds.counts() + self.aws.counts
        self.told.chances = self.clouds.chances()
        self.told.faults["SIGKILL of the function"] = failures["Runtime.ExitError"]
        self.told.faults["function time-out"] = failures["Sandbox.Timedout"]
        self.told.outcomes = Counter(row["outcome"] for report in reports for row in report["outcomes"])
        attempts = Counter(report["attempt"] for report in reports)
        ids = Counter(request["id"] for _, body in self.aws.sent for request in unwrapped(body))
        self.told.figures |= {
            "provider calls": sum(len(server.calls) for server in self.stack.providers.values()),
            "calls per pair, p50": cost.at(0.5),
            "calls per pair, p99": cost.at(0.99),
            "calls per pair, most": cost.at(1.0),
            "invocations": self.stack.functions[FUNCTION].invocations,
            "reports": len(reports),
            "reports published more than once": len(reports) - len({report["report_id"] for report in reports}),
            "pairs told absent since the answer or the report of their removal was lost": self.account.unclaimed(),
            "attempts, most": max(attempts, default=0),
            "reports by attempt": dict(sorted(attempts.items())),
            "messages on the work queue per request, most": max(ids.values(), default=0),
        }

    def _leaks(self) -> None:
        """No key is in a log line (metrics are log lines too), a message, a report or a letter."""
        said = [*self.log, *(body for _, body in self.aws.sent)]
        said += [
            json.dumps(note.body, ensure_ascii=False) + str(note.attributes) + str(note.subject)
            for note in self.stack.notifications()
        ]
        said += [letter.body + str(letter.attributes) for letter in self.stack.dead_letters()]
        text = "\n".join(said)
        found = sorted(secret for secret in self.all_secrets if secret in text)
        self.told.figures["log lines, messages, reports and letters searched for keys"] = len(said)
        if found:
            self.told.add({"keys told": found})
