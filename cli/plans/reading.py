"""What a plan asks of the clouds: dry runs of removal requests, and sweeps.

The package's own functions do it, in this process, under the guardrails of the environment. Nothing is written at a
cloud, and a plan does not wait for hours: what a cloud puts off is tried a few times, and then counted as failed.

What a sweep's listings show is not read a second time: its requests name the values that were seen, and some clouds
take one resource in a reading call.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.plans.rows import Pair, Rows, Spared, place_fields
from untag.core import Timing
from untag.hosts.base import Message
from untag.hosts.here import Here, Waiting, carry_out
from untag.hosts.here.host import Files, LogLines

_PATIENCE = {"UNTAG_MAX_ATTEMPTS": "3", "UNTAG_MAX_AGE": "0", "UNTAG_DRY_RUN": "on"}
"""What is put off is tried three times. A request that changes tags has a day for it, which is too long for a plan."""

_LEFT_OUT = ("attempt", "first_attempt_at", "expect", "not_before")
"""Fields of a request that a dry run has no use for: it begins anew, and now."""

Json = dict[str, Any]


def read(
    requests: Iterable[Mapping[str, Any]],
    sweeps: Sequence[Mapping[str, Any]],
    rows: Rows,
    environ: Mapping[str, str],
    *,
    batch: str,
    seen: Callable[[int], None] = lambda _: None,
    pausing: Callable[[Sequence[Waiting]], None] = lambda _: None,
    timing: Timing | None = None,
) -> None:
    """Fill the rows with what removal requests and sweep documents would remove now, and with what they would spare.

    `batch` names what has no batch of its own. `seen` is called with the number of pairs so far, `pausing`
    with what waits when nothing is due. Raises InvalidInputError for the environment.
    """
    from untag.removal import Remover  # noqa: PLC0415 - with all that it needs: only a command that reads pays for it
    from untag.sweep.service import Sweeper  # noqa: PLC0415

    takes = _Takes(rows, batch, seen)
    environ = {**environ, **_PATIENCE}
    with tempfile.TemporaryDirectory(prefix="untag-plan-") as folder:
        if sweeps:
            sweeping = _Reading(Path(folder) / "sweeps", environ, takes, timing, pausing)
            carry_out(sweeping, Sweeper, list(_sweep_bodies(sweeps, batch)))
        if bodies := [json.dumps(_dry(request, batch)) for request in requests]:
            carry_out(_Reading(Path(folder) / "requests", environ, takes, timing, pausing), Remover, bodies)


def _dry(request: Mapping[str, Any], batch: str) -> Json:
    kept = {name: value for name, value in request.items() if name not in _LEFT_OUT}
    return {**kept, "batch": request.get("batch") or batch, "dry_run": True}


def _sweep_bodies(sweeps: Sequence[Mapping[str, Any]], batch: str) -> Iterator[str]:
    """A sweep for each rule, so that one which cannot go on holds up no other."""
    for number, sweep in enumerate(sweeps, 1):
        for rule in (part for whole in sweep["rules"] for part in _by_account(whole)):
            # A sweep without a batch has one of its id's name, if it has an id.
            own = {name: sweep[name] for name in ("id", "batch") if sweep.get(name)}
            body = own or {"id": f"{batch}-{number}", "batch": batch}
            yield json.dumps({**body, "dry_run": True, "rules": [rule]})


def _by_account(rule: Mapping[str, Any]) -> list[Json]:
    """A rule for each of a rule's accounts, unless it has a limit, which counts over all of them."""
    if "accounts" not in rule or rule.get("limit"):
        return [dict(rule)]
    rest = {name: value for name, value in rule.items() if name != "accounts"}
    return [{**rest, "account": account} for account in rule["accounts"]]


def _parsed(text: str) -> Any:
    """A message's JSON. Half a surrogate pair, which a cloud's answer may hold, can be kept nowhere."""
    return json.loads(text.encode(errors="replace"))


class _Takes:
    """Takes reports apart, as they come."""

    def __init__(self, rows: Rows, batch: str, seen: Callable[[int], None]) -> None:
        self._rows = rows
        self._batch = batch
        self._seen = seen
        self._count = 0

    def report(self, text: str) -> None:
        """A report or a notice, as it is published."""
        body = _parsed(text)
        match body["kind"]:
            case "removal":
                self._removal(body)
            case "sweep":
                self._rows.spare(_of_sweep(body))
            case _:
                self._rows.spare(_of_rejection(body))

    def given_up(self, request: Mapping[str, Any], code: str, message: str) -> None:
        """Pairs that are not looked at any further."""
        ids = [(group["type"], id_) for group in request["resources"] for id_ in group["ids"]]
        tags = [{"key": "*"}] if isinstance(request["tags"], str) else request["tags"]
        place = place_fields(request)
        self._rows.spare(
            Spared(*place, type_, id_, tag["key"], tag.get("value"), None, "failed", code, message)
            for type_, id_ in ids
            for tag in tags
        )

    def swept(self, request: Mapping[str, Any]) -> None:
        """A request that a sweep asks for: the values in it were seen in a listing."""
        place = place_fields(request)
        batch = request.get("batch") or self._batch
        for group in request["resources"]:
            for tag in request["tags"]:
                pairs = ((group["type"], id_, tag["key"]) for id_ in group["ids"])
                if "value" in tag:
                    self._rows.add(Pair(*place, *pair, tag["value"], batch) for pair in pairs)
                else:
                    message = "no request can name its value"
                    self._rows.spare(
                        Spared(*place, *pair, None, None, "left_out", "cannot_be_named", message) for pair in pairs
                    )
            self._count += len(group["ids"]) * len(request["tags"])
        self._seen(self._count)

    def stopped(self, sweep: Mapping[str, Any], provider: str, account: str, code: str, message: str) -> None:
        """A rule that is not carried out to its end."""
        why = f"rule {sweep['rules'][0]['name']}: {message}"
        self._rows.spare([Spared(provider, account, "", "", "", "", "", None, None, "failed", code, why)])

    def _removal(self, report: Json) -> None:
        place = place_fields(report)
        batch = report.get("batch") or self._batch
        outcomes = report["outcomes"]
        planned = [row for row in outcomes if row["outcome"] == "would_remove"]
        # A plan has what stands there: the key, too, in its own letters.
        self._rows.add(
            Pair(*place, row["type"], row["resource_id"], row.get("was_key") or row["key"], row["was"], batch)
            for row in planned
        )
        self._rows.spare(
            Spared(
                *place,
                row["type"],
                row["resource_id"],
                row["key"],
                row["value"],
                row.get("was"),
                row["outcome"],
                row.get("code") or "",
                row.get("message") or "",
            )
            for row in outcomes
            if row["outcome"] != "would_remove"
        )
        if (held := report.get("held_back")) is not None:
            message = f"request {report['id']}: {held['message']}"
            self._rows.spare(
                [Spared(*place, "", "", "", None, None, "protected", held["code"], message, held["pairs"])]
            )
        self._count += len(outcomes)
        self._seen(self._count)


def _of_sweep(notice: Json) -> Iterator[Spared]:
    """What a rule could not look at, and what it spares."""
    for detail in notice["details"]:
        place = (detail["provider"] or "", detail.get("account") or "")
        rule = f"rule {detail['rule']}"
        for error in detail["errors"]:
            type_, id_, key = (str(error.get(name) or "") for name in ("type", "resource_id", "key"))
            message = f"{rule}: {error.get('message')}"
            code = error.get("code") or ""
            yield Spared(*place, error.get("region") or "", "", type_, id_, key, None, None, "failed", code, message)
        counts = detail["counts"]
        for name, outcome, message in (
            ("protected", "protected", "tags of resources that match are protected"),
            ("limit_reached", "failed", "the rule's limit of resources is reached"),
            ("not_a_date", "absent", "values are no dates"),
        ):
            if number := counts.get(name):
                yield Spared(*place, "", "", "", "", "", None, None, outcome, name, f"{rule}: {message}", number)
        if (unnamed := counts.get("errors", 0) - len(detail["errors"])) > 0:
            message = f"{rule}: further errors"
            yield Spared(*place, "", "", "", "", "", None, None, "failed", "errors", message, unnamed)


def _of_rejection(body: Json) -> Iterator[Spared]:
    for error in body.get("errors", ()):
        message = f"{body.get('id')}: {error['path']} {error['message']}"
        yield Spared(*place_fields(body), "", "", "", None, None, "failed", "invalid", message)


class _Reading(Here):
    """The host of a plan: reports are taken as they come, and kept nowhere."""

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        takes: _Takes,
        timing: Timing | None,
        pausing: Callable[[Sequence[Waiting]], None],
    ) -> None:
        super().__init__(folder, environ, timing=timing)
        self.pausing = pausing
        self.takes = takes
        self.closed: set[tuple[str, str]] = set()
        self.telemetry = _Closing(self.closed)

    def outbox(self, left: Callable[[], float]) -> "_Taken":  # noqa: ARG002 - the host's signature
        """The ways out of one invocation."""
        return _Taken(self)


class _Closing(LogLines):
    """Notes the accounts whose credentials are refused."""

    def __init__(self, closed: set[tuple[str, str]]) -> None:
        self._closed = closed

    def closed(self, provider: str, account: str) -> None:
        """Nothing more is asked there."""
        self._closed.add((provider, account))

    def rejected(self, record: str, reason: str, **names: str | None) -> None:
        """In the plan."""

    def finished(self, pages: Any, record: str, traceparent: str | None = None) -> None:
        """In the plan."""


class _Taken(Files):
    """The ways out: what waits for an account that is closed is given up, anything else waits for its time."""

    _REFUSED = ("account_closed", "the credentials are refused")

    def __init__(self, host: _Reading) -> None:
        super().__init__(host)
        self._reading = host

    async def publish(self, messages: Iterable[Message]) -> None:
        """Taken apart at once."""
        for message in messages:
            self._reading.takes.report(message.body)

    async def send_dead_letters(self, messages: Iterable[Message]) -> None:
        """What failed stands in its report."""

    async def send_back(self, messages: Iterable[Message]) -> None:
        """What a sweep asks for, or a remainder: of each request in it, whether its account is closed."""
        for message in messages:
            body = _parsed(message.body)
            left = [one for one in (body if isinstance(body, list) else [body]) if not self._taken(one)]
            if left:
                await super().send_back([message._replace(body=json.dumps(left))])

    def _taken(self, request: Json) -> bool:
        """Whether nothing has to be asked for a request any more."""
        if "attempt" not in request:  # a remainder counts its attempts, and what a sweep asks for does not
            self._reading.takes.swept(request)
        elif (request["provider"], request["account"]) in self._reading.closed:
            self._reading.takes.given_up(request, *self._REFUSED)
        else:
            return False
        return True

    async def go_on(self, messages: Iterable[Message]) -> None:
        """A sweep that goes on: not where the credentials of its account are refused."""
        for message in messages:
            sweep = json.loads(message.body)
            rule = sweep["rules"][0]
            accounts = {(rule["provider"], name) for name in rule.get("accounts") or [rule.get("account", "default")]}
            if refused := accounts & self._reading.closed:
                for provider, account in sorted(refused):
                    self._reading.takes.stopped(sweep, provider, account, *self._REFUSED)
            else:
                await super().go_on([message])
