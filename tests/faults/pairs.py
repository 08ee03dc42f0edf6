"""Pairs as they were asked for, and as reports speak of them. Nothing here is the program's."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from clouds import name_of, same

Json = dict[str, Any]


class Pair(NamedTuple):
    """A tag on a resource, as somebody asked for it; value None where only the key was named."""

    provider: str
    account: str
    type: str
    id: str
    key: str
    value: str | None

    @property
    def place(self) -> tuple[str, ...]:
        """Where the tag stands, whatever its value."""
        return self[:5]


class Asked(NamedTuple):
    """A pair in one request."""

    request: str
    pair: Pair

    def __str__(self) -> str:
        return f"{self.request}: {' '.join(str(part) for part in self.pair)}"


def unwrapped(body: str) -> list[Json]:
    """The requests in a message's body; empty where it holds none."""
    try:
        content = json.loads(body)
        while isinstance(content, str) or (isinstance(content, Mapping) and "provider" not in content):
            if isinstance(content, str):
                content = json.loads(content)
            else:
                content = content["detail"] if "detail" in content else content["Message"]
    except (ValueError, KeyError, RecursionError):
        return []
    requests = content if isinstance(content, list) else [content]
    return [request for request in requests if isinstance(request, dict) and "resources" in request]


def pairs_of(request: Mapping[str, Any]) -> Iterator[Pair]:
    """The pairs that a request names, each resource by what its cloud calls it."""
    provider, account = request["provider"], request.get("account", "default")
    for group in request["resources"]:
        for id_ in group["ids"]:
            name = name_of(provider, account, request.get("region") or "", group["type"], id_)
            for tag in request["tags"]:
                yield Pair(provider, account, group["type"], name, same(provider, tag["key"]), tag.get("value"))


def rows_of(report: Mapping[str, Any]) -> Iterator[tuple[Asked, Json]]:
    """The rows of a report, each with what it answers; a report on a body that was rejected has none."""
    for row in report.get("outcomes", ()):
        at = (report["provider"], report["account"])
        name = name_of(*at, report.get("region") or "", row["type"], row["resource_id"])
        place = (*at, row["type"], name)
        yield Asked(report["id"], Pair(*place, same(report["provider"], row["key"]), row["value"])), row


def distinct(reports: Iterable[Json]) -> list[Json]:
    """The reports, each once: one that was published again has the same id."""
    kept: dict[str, Json] = {}
    for report in reports:
        kept.setdefault(report["report_id"], report)
    return list(kept.values())
