"""What waits, why, and until when: in words for a person, and as JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from local.terminal.console import counted

_REASONS = {
    "account_closed": "the credentials are refused",
    "credentials_unavailable": "the credentials cannot be read",
    "circuit_open": "the cloud does not answer; calls are paused",
    "throttled": "the cloud throttles",
    "unavailable": "the cloud does not answer",
    "timeout": "the cloud does not answer in time",
    "rate": "the account's own pace allows no more",
    "deadline": "no time was left in the round before",
    "not_before": "the request says so",
}
"""By code. Another code is one of the cloud's own and stands with its message."""

REFUSED = frozenset({"account_closed", "credentials_unavailable"})
"""Codes of what waits for other credentials."""


class Wait(NamedTuple):
    """What waits at one account for one reason. `due` is when the first of it may be worked at."""

    provider: str
    account: str
    pairs: int
    code: str
    message: str
    due: datetime | None

    def body(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**self._asdict(), "due": None if self.due is None else _text(self.due)}

    def words(self) -> str:
        """Such as `2 pairs at jdcloud/default wait: the credentials are refused (account_closed)`."""
        return words_of(self.body())


def words_of(wait: Mapping[str, Any]) -> str:
    """The same of its JSON."""
    pairs, code = wait["pairs"], wait["code"]
    who = f"{counted(pairs, 'pair')} at {wait['provider']}/{wait['account']} {'waits' if pairs == 1 else 'wait'}"
    why = _REASONS.get(code) or wait["message"] or "the cloud puts it off"
    return f"{who}: {why} ({code})" if code else who


def waits_of(waiting: Iterable[tuple[str, datetime | None, str, str]], *, batch: str | None = None) -> list[Wait]:
    """Messages (body, due, code, message) by account and reason, the next one first; of one batch, if it is named.

    What a sweep leaves to go on with names no pairs, and is left out.
    """
    from cli.files.given import pairs_of  # noqa: PLC0415 - with it the models, which help need not load

    waits: dict[tuple[str, str, str], Wait] = {}
    for body, due, code, message in waiting:
        content = json.loads(body)
        for request in content if isinstance(content, list) else [content]:
            if "rules" in request:
                continue
            if batch is not None and (request.get("batch") or request.get("id")) != batch:
                continue
            place = request["provider"], request.get("account", "default")
            known = waits.get((*place, code)) or Wait(*place, 0, code, message, due)
            dues = [moment for moment in (known.due, due) if moment is not None]
            waits[*place, code] = known._replace(pairs=known.pairs + pairs_of(request), due=min(dues, default=None))
    latest = datetime.max.replace(tzinfo=UTC)
    return sorted(waits.values(), key=lambda one: (one.due or latest, one[:2], one.code))


def until(due: datetime, now: datetime | None = None) -> str:
    """Such as `nothing is due until 14:05 (in 4:12)`, by this machine's clock."""
    now = now or datetime.now(UTC)
    local, today = due.astimezone(), now.astimezone().date()
    moment = f"{local:%H:%M}" if local.date() == today else f"{local:%Y-%m-%d %H:%M}"
    return f"nothing is due until {moment} ({from_now(due, now)})"


def due_in_words(moments: Sequence[datetime], now: datetime | None = None) -> str:
    """When several are due, the next one first: `nothing is due until 14:05 (in 4:12), the last in 12:30`."""
    now = now or datetime.now(UTC)
    first, last = moments[0], moments[-1]
    said = until(first, now) if first > now else "due now"
    return f"{said}, the last {from_now(last, now)}" if last >= max(first, now) + timedelta(minutes=1) else said


def from_now(due: datetime, now: datetime | None = None) -> str:
    """When something is due, such as `in 4:12`."""
    seconds = int((due - (now or datetime.now(UTC))).total_seconds())
    if seconds <= 0:
        return "now"
    hours, rest = divmod(seconds, 3600)
    return f"in {hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"in {rest // 60}:{rest % 60:02}"


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
