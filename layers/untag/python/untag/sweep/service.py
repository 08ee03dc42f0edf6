"""The sweep function: rules in, removal requests out, and a notice at the end, over as many invocations as it takes."""

from collections.abc import Callable
from typing import Any

from typing_extensions import override

from untag.contracts import InvalidInputError, Problem, unwrap
from untag.core.limits import LONGEST_DELAY_SECONDS
from untag.hosts.base import Arrival, Handed, Message, Record
from untag.messages import notice_message
from untag.providers import EVERY_TYPE, Finder
from untag.runtime import Runtime, Window
from untag.sweep.checking import place_problems
from untag.sweep.grace import narrowed
from untag.sweep.listing import Lister, ListingError, NotNowError
from untag.sweep.rules import Place, Rule
from untag.sweep.state import Progress, Sweep, continuation, read_sweep
from untag.sweep.summary import summary
from untag.sweep.walk import Sender, Walk
from untag.worker import OneByOne, Work

_RETRY_SECONDS = 10.0
_REFERENCES = 2
"""A schedule's rules may name an object in turn."""
_PATIENCE = 10
"""What only our own time or pace put off is tried so many times oftener: but not for ever, where it gets no further."""


class Sweeper(Work):
    """Carries out sweeps."""

    continues = True

    def payload(self, handed: list[Handed], left: Callable[[], float]) -> dict[str, Any]:
        """Work at what was handed to the function: what the sweep has come to.

        Raises InvocationError where it is invalid, or its requests or its summary could not be delivered.
        """
        answers = self._runtime.run(self.invocation(self._runtime.window(left)).by_hand(handed))
        return answers[0] if len(answers) == 1 else {"sweeps": answers}

    @override
    def invocation(self, window: Window) -> "Invocation":
        return Invocation(self._runtime, window)


class Invocation(OneByOne):
    """One invocation of the function."""

    def __init__(self, runtime: Runtime, window: Window) -> None:
        super().__init__(runtime, window)
        self._runtime, self._window, self._host = runtime, window, runtime.host
        self._registry, self._policy = runtime.registry, runtime.settings.policy

    async def by_hand(self, handed: list[Handed]) -> list[dict[str, Any]]:
        """Work at what was handed to the function, one after the other. Raises InvocationError."""
        answers = []
        for one in handed:
            with self.failing(one):
                answers.append(await self._sweep(one))
        return answers

    @override
    async def one(self, record: Record) -> bool:
        await self._sweep(record)
        return True

    async def _sweep(self, arrival: Arrival) -> dict[str, Any]:
        """Sweep as far as time allows, then publish the summary or send the continuation.

        Requests are sent before either: what a continuation says is behind it has been asked for.
        Raises InvalidInputError or DeliveryError.
        """
        sweep, rules = await self._read(arrival)
        if sweep.due is not None:
            sweep, rules = narrowed(sweep, sweep.due, rules, self._timing.now())
        self.check(sweep)
        started_at = self._timing.now() if sweep.started_at is None else sweep.started_at
        progress = [Progress() for _ in sweep.rules] if sweep.progress is None else sweep.progress
        dry_run = sweep.dry_run or self._policy.dry_run
        sender = Sender(self._runtime, self._window, sweep, dry_run)
        waits = [
            await self._rule(rule, one, sender) for rule, one in zip(sweep.rules, progress, strict=True) if not one.done
        ]
        if all(one.done for one in progress):
            notice = summary(sweep, progress, started_at, self._timing.now(), dry_run=dry_run)
            await self._outbox.publish([notice_message(notice)])
            self._telemetry.noted(
                notice.summary, id=sweep.id, batch=sweep.batch, status=notice.status, counts=notice.counts
            )
            return {"summary": notice.model_dump(mode="json")}
        delay = min(wait for wait in waits if wait is not None)
        await self._outbox.go_on([self._fitting(sweep, rules, progress, started_at, delay)])
        self._telemetry.noted(
            "the sweep goes on", id=sweep.id, batch=sweep.batch, invocation=sweep.invocation, delay=delay
        )
        return {"continued": {"id": sweep.id, "invocation": sweep.invocation + 1}}

    async def _read(self, arrival: Arrival) -> tuple[Sweep, list[Any]]:
        """The sweep and its rules, which are read where they stand if it only names the place."""
        unwrapped = unwrap(arrival.body, arrival.own_id, None)
        body = unwrapped.payload
        for _ in range(_REFERENCES):
            if isinstance(body, dict) and isinstance(source := body.get("rules"), str):
                read = await self._outbox.rules(source)
                dry_run = body.get("dry_run") or read.get("dry_run", False)
                body = {"source": source, **body, **read, "dry_run": dry_run}
        return read_sweep(body, unwrapped.id)

    def check(self, sweep: Sweep) -> None:
        """Raises InvalidInputError if a rule breaks its cloud's rules, as a request of its places would."""
        problems = [
            Problem(f"rules.{index}.grace", "nothing here keeps tags until a grace is over")
            for index, rule in enumerate(sweep.rules)
            if rule.grace and not sweep.dry_run and not self._host.keeps
        ]
        problems += place_problems(sweep, self._registry)
        if problems:
            raise InvalidInputError(dict.fromkeys(problems))

    async def _rule(self, rule: Rule, progress: Progress, sender: Sender) -> float | None:
        """Go on with a rule; the seconds after which it can go on further, None if it is done."""
        before = progress.position()
        due = sender.sweep.due
        places = [place for place in rule.places() if due is None or rule.where(place) == due.place]
        while not progress.done and progress.place < len(places):
            place = places[progress.place]
            try:
                await self._place(rule, place, progress, sender)
            except NotNowError as error:
                progress.tries = 1 if progress.position() != before else progress.tries + 1
                if progress.tries < self._policy.max_attempts * (1 if error.counted else _PATIENCE):
                    backoff = self._backoff(progress.tries) if error.counted else 0
                    return min(max(backoff, error.delay), LONGEST_DELAY_SECONDS)
                self._failed(progress, place, error.code, f"given up after {progress.tries} tries: {error.message}")
            except ListingError as error:
                self._failed(progress, place, error.code, error.message)
            progress.leave()
            before, progress.tries = progress.position(), 0
        progress.done = True
        return None

    def _backoff(self, tries: int) -> float:
        return self._timing.jitter(_RETRY_SECONDS, tries, LONGEST_DELAY_SECONDS)

    async def _place(self, rule: Rule, place: Place, progress: Progress, sender: Sender) -> None:
        location = rule.location(place)
        finder = self._registry.find(rule.provider, place.type)
        scope = finder.scope(location, place.type)
        # What a request from here would be held back by keeps the listing from being made, too. Of every type, some may
        # be allowed.
        policy = self._policy if place.type != EVERY_TYPE else self._policy._replace(allowed_types=frozenset())
        if (held := policy.forbids(location, scope)) is not None:
            raise ListingError(held.code or "protected", held.message or "held back by a guardrail")
        if not isinstance(finder, Finder):  # pragma: no cover - checked before
            raise ListingError("no_listing", "this API cannot list resources")
        if finder.comparable_key("A") == finder.comparable_key("a"):
            rule = rule.ignoring_case()
        lister = Lister(self._engine, finder, scope, self._deadline)
        await Walk(rule, place, lister, progress, sender, finder).go()

    @staticmethod
    def _failed(progress: Progress, place: Place, code: str, message: str) -> None:
        progress.failed_places += 1
        progress.error(
            code=code,
            message=message[:240],
            account=place.account,
            region=place.region,
            type=place.type,
            key=progress.key or None,
        )

    def _fitting(
        self, sweep: Sweep, rules: list[Any], progress: list[Progress], started_at: float, delay: float
    ) -> Message:
        """The continuation, without what it can do without if it is too large for a message."""
        body = continuation(sweep, rules, progress, started_at)
        if len(body.encode()) > self._host.message_bytes:
            for one in progress:
                one.seen, one.sample = "", []
            body = continuation(sweep, rules, progress, started_at)
        return Message(body, delay=round(delay))
