"""The campaign on FunctionGraph: the handlers in processes that die, and a host that loses and doubles what it can.

What goes wrong: bells are lost, firings of the timer are missed, surplus requests wait or are discarded, listings are
stale, the agency's keys are replaced and the old ones revoked, the host's services fail, copies fail after they were
answered, processes are killed or hang, and the clouds do all that they do in the campaign on AWS. Time passes faster:
the functions', the shared clock's and so the timer's, all alike.
"""

import json
import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import clouds
from account import Account
from functiongraph_invocations import Invocations
from pairs import Json, unwrapped
from weather import Clouds, Mix
from workload import PROTECTED, neighbours, workload

from local import RUNTIME_PYTHON
from local.functiongraph import code
from local.functiongraph.deployment import GIVEN_UP
from local.functiongraph.functions import AsyncRequest
from local.functiongraph.stack import FunctionGraphStack
from local.shapes import DeadLetter

HOOKS = Path(__file__).parent / "hooks"
SPEED = 10.0
"""How many times as fast time passes."""
FUNCTION_SECONDS = 10.0
SLACK_SECONDS = 1.0
TOPIC_CALLS = 20
"""The topic is down until so many calls have met it."""
KILLERS = 2
NEIGHBOURS = 12
_INDEX = """
import os, sys
sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "vendor"), {hooks!r}]
sys.modules.pop("typing_extensions", None)
import functiongraph_hooks
functiongraph_hooks.install(os.environ)
from original import *
"""
_SECRET = ("access_key", "secret_key", "security_token", "client_secret", "access_token")
"""The fields of a secret that are no name."""
_TICK_SECONDS = 0.02
_TROUBLE: tuple[tuple[str, float, dict[str, Any]], ...] = (
    ("unavailable", 0.02, {}),
    ("throttle", 0.01, {}),
    ("reset", 0.005, {"applied": False}),
    ("reset", 0.005, {"applied": True}),
    ("stall", 0.002, {"applied": True, "seconds": 1.0}),
    ("delay", 0.02, {"seconds": 0.1}),
)
"""What the host's services do, and the share of their calls."""


@dataclass
class Outcome:
    """What a campaign came to."""

    seed: int
    pairs: int = 0
    messages: int = 0
    seconds: float = 0.0
    findings: dict[str, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    """How often each thing really went wrong."""
    figures: dict[str, Any] = field(default_factory=dict)

    def add(self, findings: dict[str, list[str]], phase: str) -> None:
        """Findings of a phase."""
        for law, examples in findings.items():
            self.findings.setdefault(f"{phase}: {law}", []).extend(examples[:20])


class Campaign:
    """A stack with the hooks in it, and what is done to it."""

    def __init__(self, seed: int, pairs: int, *, mutant: str = "", patience: float = 240.0) -> None:
        self.work = workload(seed, pairs)
        self.outcome = Outcome(seed, self.work.pairs, len(self.work.bodies))
        self.patience = patience
        self.log: list[str] = []
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._lock = threading.Lock()
        self._seed = seed
        self._mutant = mutant
        self._secrets: set[str] = set()

    def run(self) -> Outcome:
        """All phases; what was found is in the outcome."""
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            self.flags = Path(folder)
            content = code.lay_out(self.flags / "code", RUNTIME_PYTHON)
            shutil.move(content / "index.py", content / "original.py")
            (content / "index.py").write_text(_INDEX.format(hooks=str(HOOKS)))
            watched = {
                "CAMPAIGN_SPEED": str(SPEED),
                "CAMPAIGN_SLACK": str(SLACK_SECONDS),
                "CAMPAIGN_FLAGS": str(self.flags),
                "CAMPAIGN_MUTANT": self._mutant,
            }
            variables = {
                "UNTAG_ALLOWED_ACCOUNTS": ",".join(clouds.ALLOWED),
                "UNTAG_MAX_PAIRS": "6000",
                "UNTAG_PROTECTED_KEYS": PROTECTED,
                "UNTAG_RATE": "100000",
                "UNTAG_CONCURRENCY": "8",
            }
            with FunctionGraphStack(
                code=content,
                environment=variables,
                timeout=FUNCTION_SECONDS,
                sink=lambda _, line: self.log.append(line),
                watched=watched,
                seed=self._seed,
            ) as self.stack:
                self._give_keys()
                self.work.load(self.stack.providers)
                clouds.guess(self.stack.providers, self._seed)
                self.clouds = Clouds(self.stack.providers, Mix())
                self.invocations = Invocations(self.stack)
                self.account = Account(self.work.requests, self.stack.providers, self.invocations.reason_to_come_again)
                self._phases()
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def _phases(self) -> None:
        if self._mutant:  # it is found in a storm, or nowhere
            self._storm(self.work.bodies, discard=True)
            return
        half = len(self.work.bodies) // 2
        for name, run in (
            ("storm in which surplus waits", lambda: self._storm(self.work.bodies[:half], discard=False)),
            ("storm in which surplus is discarded", lambda: self._storm(self.work.bodies[half:], discard=True)),
            ("poison", self._poison),
            ("redrive", self._redrive),
        ):
            began = time.monotonic()
            try:
                run()
            finally:
                self.outcome.figures[f"seconds of the {name}"] = round(time.monotonic() - began)
        self._leaks()

    def _give_keys(self) -> None:
        """Keys of several accounts, at the clouds and in CSMS."""
        for provider, account, secret in clouds.open_accounts(self.stack.providers):
            self._secrets |= {secret[name] for name in _SECRET if name in secret}
            self.stack.csms.put(f"untag-{provider}-{account}", json.dumps(secret))

    # The storm

    def _storm(self, bodies: list[str], *, discard: bool) -> None:
        """Half of the workload, with everything going wrong at once."""
        stack = self.stack
        stack.functions.discard_surplus = discard
        stack.functions.lose = self._loses
        stack.misses = lambda _timer: self._chance(0.3, "a firing of the timer missed")
        (self.flags / "deaths").write_text("0.08 0.01")
        faults = self._services_misbehave()
        known = len(stack.functions.requests)
        down = stack.smn.faults.add("unavailable")
        with self._hurrying(), stack.clock():
            for number, body in enumerate(bodies):
                if number % 2:
                    stack.put("work", body)
                else:
                    self._publish(body)
                if number % 10 == 0:
                    self._rotate(number)
                stack.bucket.listing_lag = self._random.choice((0.0, 0.0, 20.0, 90.0))
                time.sleep(0.05)
            # By the calls that met it, not by time: on a slow machine the first function is long in starting.
            self._until(lambda: down.injected >= TOPIC_CALLS)
            stack.smn.faults.remove(down)
            self._until_quiet()
        (self.flags / "deaths").unlink()
        self.outcome.counts["calls to a topic that is down"] += down.injected
        for server, rule in faults:
            self.outcome.counts[f"{server.name}: {rule.do}"] += rule.injected
            server.faults.remove(rule)
        stack.bucket.listing_lag = 0.0
        stack.functions.lose = lambda _request: False
        stack.misses = lambda _timer: False
        self.outcome.counts.update(f"requests: {request.state}" for request in list(stack.functions.requests)[known:])
        self.outcome.counts |= Counter({f"ended: {kind}": n for kind, n in self.invocations.errors.items()})
        self._draw_up(f"storm, discard={discard}")

    def _publish(self, body: str) -> None:
        """By the topic of requests; what it does not take goes on the queue."""
        self.stack._sender._publish("untag-requests", body, "work")

    def _loses(self, request: AsyncRequest) -> bool:
        return request.body.startswith(b'{"untag"') and self._chance(0.1, "a bell lost")

    def _rotate(self, number: int) -> None:
        """New keys; and sometimes the old ones are revoked at once, though invocations still have them."""
        self.stack.agency.rotate()
        self.outcome.counts["keys replaced"] += 1
        if number % 30 == 0:
            self.stack.agency.revoke()
            self.outcome.counts["keys revoked under way"] += 1

    def _services_misbehave(self) -> list[tuple[Any, Any]]:
        rules = []
        for server in self.stack.services:
            # OBS has by far the most calls.
            more = 1.0 if server is self.stack.obs else 4.0
            for do, share, how in _TROUBLE:
                rules.append((server, server.faults.add(do, probability=share * more, **how)))
        obs = self.stack.obs
        rules.append((obs, obs.faults.add("partial", operation="CopyObject", probability=0.03)))
        return rules

    def _chance(self, share: float, told: str) -> bool:
        with self._lock:
            struck = self._random.random() < share
            self.outcome.counts[told] += struck
            return struck

    # Time

    @contextmanager
    def _hurrying(self) -> Iterator[None]:
        """While it lasts, the shared clock is as fast as the functions' time."""
        stopped = threading.Event()

        def tick() -> None:
            last = time.monotonic()
            while not stopped.wait(_TICK_SECONDS):
                now = time.monotonic()
                self.stack.time.advance((now - last) * (SPEED - 1))
                last = now

        thread = threading.Thread(target=tick, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    def _until(self, true: Callable[[], bool]) -> None:
        """Wait, but not for ever."""
        end = time.monotonic() + self.patience
        while not true() and time.monotonic() < end:
            time.sleep(0.1)

    def _until_quiet(self) -> None:
        """Wait until every queue is empty. What is due only later is due at once, while nothing runs."""
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            if self.stack.functions.wait_idle(1.0):
                messages, given_up = self.stack.waiting(), self.stack.bucket.keys(GIVEN_UP)
                if not messages and not given_up:
                    return
                # The timer fires once in a minute, and takes back what was given up.
                self.stack.time.advance(60.0 if given_up else max(0.0, messages[0].due - self.stack.time.now()))
            time.sleep(0.1)
        left = [*(one.key for one in self.stack.waiting()), *self.stack.bucket.keys(GIVEN_UP)]
        self.outcome.add({"does not come to an end": [f"{len(left)} messages, such as {left[0]}"]}, "queue")

    # The other phases

    def _poison(self) -> None:
        """Records that kill the process, among others."""
        self.clouds.clear()
        requests = list(neighbours(NEIGHBOURS, "beside"))
        killers = list(neighbours(KILLERS, "i-killer"))
        self._stand([*requests, *killers])
        (self.flags / "killers").touch()
        self.stack.functions.lose = lambda _request: True
        for request in [*requests[: NEIGHBOURS // 2], *killers, *requests[NEIGHBOURS // 2 :]]:
            self.stack.put("work", json.dumps(request))
        self.stack.functions.lose = lambda _request: False
        with self._hurrying(), self.stack.clock():
            self._until_quiet()
        (self.flags / "killers").unlink()
        crashed = [letter for letter in self.stack.dead_letters() if letter.attributes["code"] == "crash"]
        ids = {request["id"] for letter in crashed for request in unwrapped(letter.body)}
        self.outcome.figures["dead letters for a crash"] = len(crashed)
        killed = {request["id"] for request in killers}
        if missing := sorted(killed - ids):
            self.outcome.add({"a killer that left no letter": missing}, "poison")
        if taken := sorted(ids - killed):
            self.outcome.add({"neighbours taken along by a crash": taken}, "poison")

    def _stand(self, requests: list[Json]) -> None:
        for request in requests:
            (group,) = request["resources"]
            tags = {tag["key"]: tag["value"] for tag in request["tags"]}
            place = {"account": request["account"], "region": request["region"], "type": group["type"]}
            self.stack.providers["jdcloud"].tags.load({**place, "id": id_, "tags": tags} for id_ in group["ids"])
            self.account.add(request)

    def _redrive(self) -> None:
        """Fair weather, and every dead letter but the invalid ones is put back by the function that does so."""
        letters = [letter for letter in self.stack.dead_letters() if letter.attributes["code"] != "invalid"]
        answer = self.stack.redrive("work").value
        self.outcome.figures |= {"dead letters redriven": len(letters), "redrive": answer}
        if answer != {"redriven": len(letters), "left": len(self.stack.dead_letters())}:
            self.outcome.add({"redrive": [f"{answer} of {len(letters)}"]}, "redrive")
        with self._hurrying(), self.stack.clock():
            self._until_quiet()
        self._draw_up("after the redrive", last=True)
        lost = self.account.asked - set(self.account.terminal)
        if lost:
            self.outcome.add({"lost after all": sorted(map(str, lost))}, "redrive")

    def _draw_up(self, phase: str, *, last: bool = False) -> None:
        """What does not agree by now."""
        sent = self.stack.dead_letters()
        asked = self._not_sent_yet(phase)
        findings = self.account.findings(self.stack.reports(), sent, last=last)
        if asked and "lost" in findings:
            findings["lost"] = [one for one in findings["lost"] if one.partition(":")[0] not in asked]
        self.outcome.add({law: examples for law, examples in findings.items() if examples}, phase)
        self._check_invalid(phase, sent)

    def _not_sent_yet(self, phase: str) -> set[str]:
        """Requests of the second half, while the first is drawn up."""
        if phase != "storm, discard=False":
            return set()
        later = self.work.bodies[len(self.work.bodies) // 2 :]
        return {request["id"] for body in later for request in unwrapped(body)}

    def _check_invalid(self, phase: str, letters: list[DeadLetter]) -> None:
        bodies = Counter(letter.body for letter in letters if letter.attributes["code"] == "invalid")
        sent = set(
            self.work.bodies if phase != "storm, discard=False" else self.work.bodies[: len(self.work.bodies) // 2]
        )
        missing = [body[:80] for body in self.work.invalid if body in sent and not bodies[body]]
        strange = [body[:80] for body in bodies if body not in self.work.invalid]
        if missing or strange:
            self.outcome.add({"invalid bodies": [*missing, *strange]}, phase)
        crashed = [letter for letter in letters if letter.attributes["code"] == "crash"]
        beside = [letter for letter in crashed if not any("i-killer" in r["id"] for r in unwrapped(letter.body))]
        if beside:
            self.outcome.add({"dead letters of what is no poison": [one.body[:120] for one in beside]}, phase)

    def _leaks(self) -> None:
        """No key is in a log line, a report or a letter."""
        texts = [*self.log, *(letter.body + str(letter.attributes) for letter in self.stack.dead_letters())]
        texts += [json.dumps(note.body, ensure_ascii=False) + str(note) for note in self.stack.notifications()]
        text = "\n".join(texts)
        secrets = self._secrets | set(self.stack.agency.keys)
        if leaked := sorted(secret for secret in secrets if secret in text):
            self.outcome.add({"keys told": leaked}, "all")
