"""What a sweep asks for, worked out from its rules and from what stands at the clouds.

It shares no code with the function: Python's own regular expressions, and every resource looked at.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from local.providers import ProviderServer


class Swept(NamedTuple):
    """A tag that a sweep asks for."""

    provider: str
    account: str
    type: str
    id: str
    key: str
    value: str


def swept(event: Mapping[str, Any], servers: Iterable[ProviderServer]) -> Iterator[Swept]:
    """The tags that a sweep asks for of those that stand there now."""
    servers = list(servers)
    now = datetime.now(UTC)
    for rule in event["rules"]:
        accounts = rule.get("accounts", [rule.get("account", "default")])
        types = None if rule["types"] == "all" else rule["types"]
        for server, account in itertools.product(servers, accounts):
            if server.provider != rule["provider"]:
                continue
            for holding in server.tags.select(account, types=types):
                if rule.get("regions", [holding.region]) == [holding.region] or holding.region in rule["regions"]:
                    for key, value in _chosen(rule, holding.tags, now):
                        yield Swept(server.provider, account, holding.type, holding.id, key, value)


def _chosen(rule: Mapping[str, Any], tags: Mapping[str, str], now: datetime) -> list[tuple[str, str]]:
    match = rule["match"]
    hits = [
        (key, value)
        for key, value in tags.items()
        if _is(match["key"], key) and ("value" not in match or _meant(match["value"], value, now))
    ]
    if not hits or "remove" not in rule:
        return hits
    if isinstance(rule["remove"], Mapping):
        return [
            (key, value) for key, value in tags.items() if not any(_is(one, key) for one in rule["remove"]["except"])
        ]
    return [(key, value) for key, value in tags.items() if any(_is(one, key) for one in rule["remove"])]


def _is(pattern: Any, text: str) -> bool:
    if isinstance(pattern, str):
        return pattern == text
    if isinstance(pattern, list):
        return text in pattern
    low = str.lower if pattern.get("ignore_case") else str
    if "literals" in pattern:
        return low(text) in map(low, pattern["literals"])
    if "glob" in pattern:
        return fnmatchcase(low(text), low(pattern["glob"]))
    return re.fullmatch(pattern["regex"], text, re.IGNORECASE if pattern.get("ignore_case") else 0) is not None


def _meant(pattern: Any, text: str, now: datetime) -> bool:
    if isinstance(pattern, str) or "expired" not in pattern:
        return _is(pattern, text)
    try:
        day = datetime.strptime(text, pattern["expired"])  # noqa: DTZ007 - a day, in the rule's zone
    except ValueError:
        return False
    return (day + timedelta(days=1)).replace(tzinfo=ZoneInfo(pattern.get("timezone", "UTC"))) <= now
