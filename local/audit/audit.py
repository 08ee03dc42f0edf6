"""A check from outside the program: what was asked, what was reported, and what really happened at the clouds.

It reads the events as they were sent, the reports as they were published and the clouds' own history, and shares no
code with the functions: a mistake that both made alike would go unseen.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from local.audit.decommissioned import gone
from local.audit.swept import swept
from local.providers import Change, ProviderServer
from local.reports import pairs

CHANGES = {"removed": "remove", "restored": "restore"}
"""Outcomes that say that a tag was changed, by the action they belong to."""

EVERY_TAG = "all"
"""What stands for the tags of a request that means all of them."""

RESERVED = ("jrn:", "_sys_")
"""What a cloud's own keys begin with: a request for every tag does not mean them."""


_LONG = ("arn:", "qcs:", "trn:")
"""What long names begin with. Their last part is the id by which a request may name the resource."""


class Asked(NamedTuple):
    """A pair that was asked for. `value` is None where only the key was given."""

    provider: str
    account: str
    type: str
    id: str
    key: str
    value: str | None


@dataclass
class RequestedPairs:
    """What one request asks for."""

    action: str
    dry_run: bool
    pairs: set[Asked] = field(default_factory=set)


class Audit:
    """Holds what was asked for, and finds what does not agree with it."""

    def __init__(self) -> None:
        self.requested: dict[str, RequestedPairs] = {}
        self.decommissioned: Counter[Asked] = Counter()
        """What decommission events ask for; under which ids it is asked is the function's to choose."""

    def ask(self, body: str, servers: Iterable[ProviderServer] = ()) -> None:
        """Write down what a message's body asks for. Its requests need ids of their own.

        One that means every tag asks for those that stand there now, at `servers`.
        """
        content = json.loads(body)
        while isinstance(content, Mapping) and ("detail" in content or content.get("Type") == "Notification"):
            content = content["detail"] if "detail" in content else json.loads(content["Message"])
        servers = list(servers)
        for request in content if isinstance(content, list) else [content]:
            asked = self.requested.setdefault(
                request["id"], RequestedPairs(request.get("action", "remove"), bool(request.get("dry_run")))
            )
            for group in request["resources"]:
                for id_ in group["ids"]:
                    place = (request["provider"], request.get("account", "default"), group["type"], id_)
                    asked.pairs |= {Asked(*place, key, value) for key, value in _tags_of(request, place, servers)}

    def decommission(self, event: Any, servers: Iterable[ProviderServer]) -> None:
        """Write down what a decommission event asks for, now: where it names no tags, those that stand there."""
        servers = list(servers)
        for resource in gone(event):
            place = (resource.provider, resource.account, resource.type, resource.id)
            tags = resource.tags if resource.tags is not None else _standing(place, servers)
            self.decommissioned.update(Asked(*place, key, value) for key, value in tags)

    def sweep(self, event: Mapping[str, Any], servers: Iterable[ProviderServer]) -> None:
        """Write down what a sweep asks for, now; its requests' ids are the function's to choose, too."""
        self.decommissioned.update(Asked(*tag) for tag in swept(event, servers))

    def findings(self, reports: Iterable[Mapping[str, Any]], servers: Iterable[ProviderServer]) -> list[str]:
        """What does not agree, in sentences; empty if everything does."""
        servers = list(servers)
        distinct = list(pairs.distinct(reports))
        rows = [(report, row) for report in distinct for row in report.get("outcomes", ())]  # a notice has none
        reported = {(report["id"], _asked(report, row)) for report, row in rows}
        changes = {
            (report["id"], _asked(report, row), row["outcome"]) for report, row in rows if row["outcome"] in CHANGES
        }
        done = {(report["id"], _asked(report, row), row["outcome"]) for report, row in rows if _stood_already(row)}
        late = {_asked(report, row) for report, row in rows if _went_unseen(row)}
        return [
            *_repeated_outcomes(distinct),
            *self._outcome_mismatches(reported, distinct),
            *self._unreported_changes({(CHANGES[outcome], pair) for _, pair, outcome in changes}, late, servers),
            *self._changes_that_never_happened(changes - done, servers),
        ]

    def _outcome_mismatches(
        self, reported: Iterable[tuple[str, Asked]], reports: Iterable[Mapping[str, Any]]
    ) -> Iterable[str]:
        """Every pair that was asked for has an outcome, and no other pair has any."""
        held = {report["id"]: report["held_back"]["pairs"] for report in reports if report.get("held_back")}
        for id_, asked in self.requested.items():
            if id_ in held:
                if held[id_] != len(asked.pairs):
                    yield f"{id_}: {held[id_]} pairs were held back, and {len(asked.pairs)} were asked for"
                continue
            for pair in asked.pairs:
                if (id_, pair) not in reported:
                    yield f"{id_}: {_name(pair)} has no outcome"
        free = Counter(pair for id_, pair in reported if id_ not in self.requested)
        for pair in self.decommissioned.keys() - free.keys():
            yield f"{_name(pair)} was asked for, and has no outcome"
        for id_, pair in reported:
            asked_for = self.requested[id_].pairs if id_ in self.requested else self.decommissioned
            if pair not in asked_for:
                yield f"{id_}: {_name(pair)} has an outcome, and nobody asked for it"
            elif id_ not in self.requested and free[pair] > self.decommissioned[pair]:
                yield f"{id_}: {_name(pair)} has {free[pair]} outcomes"

    def _unreported_changes(
        self, reported: set[tuple[str, Asked]], late: Iterable[Asked], servers: Iterable[ProviderServer]
    ) -> Iterable[str]:
        """Every change at a cloud was asked for, and reported."""
        reported = reported | {("remove", pair) for pair in late}
        asked_for = {
            (asked.action, pair) for asked in self.requested.values() if not asked.dry_run for pair in asked.pairs
        }
        asked_for |= {("remove", pair) for pair in self.decommissioned}
        for server in servers:
            for change in server.tags.history:
                action, names = _names(server, change)
                if not any((action, pair) in asked_for for pair in names):
                    yield f"{_name(names[0])} was changed at the cloud, and nobody asked for it"
                elif not any((action, pair) in reported for pair in names):
                    yield f"{_name(names[0])} was changed at the cloud, and no report says so"

    def _changes_that_never_happened(
        self, changes: Iterable[tuple[str, Asked, str]], servers: Iterable[ProviderServer]
    ) -> Iterable[str]:
        """Every change that was reported happened."""
        happened = {
            (action, pair)
            for server in servers
            for change in server.tags.history
            for action, names in [_names(server, change)]
            for pair in names
        }
        for id_, pair, outcome in changes:
            if (CHANGES[outcome], pair) not in happened:
                yield f"{id_}: {_name(pair)} is reported as {outcome}, and nothing was changed at the cloud"


def _repeated_outcomes(reports: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """One attempt at a request says what became of a pair once, however many pages it takes."""
    outcomes: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for report in reports:
        for pair, row in pairs.rows_of(report):
            of_pair = outcomes[(pair, *pairs.order_of(report))]
            of_pair.append(row["outcome"])
            if len(of_pair) > 1:
                yield f"{report['id']}: {_name(_asked(report, row))} has more than one outcome: {' and '.join(of_pair)}"


def _stood_already(row: Mapping[str, Any]) -> bool:
    """Whether a value that was to be put back stood there: that is restored, and nothing is changed."""
    return bool(row["outcome"] == "restored" and "was" in row and row["was"] == row["value"])


def _went_unseen(row: Mapping[str, Any]) -> bool:
    """Whether a tag is gone that stood there before a write whose answer was lost."""
    return bool(row["outcome"] == "absent" and row.get("was") is not None and row["value"] in (None, row["was"]))


def _asked(report: Mapping[str, Any], row: Mapping[str, Any]) -> Asked:
    return Asked(report["provider"], report["account"], row["type"], row["resource_id"], row["key"], row["value"])


def _tags_of(
    request: Mapping[str, Any], place: tuple[str, str, str, str], servers: Iterable[ProviderServer]
) -> Iterable[tuple[str, str | None]]:
    """The tags that a request means at a resource."""
    if request["tags"] == EVERY_TAG:
        return list(_standing(place, servers))
    return [(tag["key"], tag.get("value")) for tag in request["tags"]]


def _standing(place: tuple[str, str, str, str], servers: Iterable[ProviderServer]) -> list[tuple[str, str]]:
    """The tags that stand at a resource, wherever it is, but for the cloud's own."""
    provider, account, type_, id_ = place
    return [
        tag
        for server in servers
        if server.provider == provider
        for holding in server.tags.select(account, types=[type_], ids=[id_])
        for tag in holding.tags.items()
        if not tag[0].startswith(RESERVED)
    ]


def _names(server: ProviderServer, change: Change) -> tuple[str, list[Asked]]:
    """The action that a change was, and the pairs that may have asked for it: by value, or by the key alone.

    A cloud whose resources have long names may have been asked by the last part of one.
    """
    action = "remove" if change.after is None else "restore"
    value = change.before if change.after is None else change.after
    ids = dict.fromkeys((change.id, re.split("[:/]", change.id)[-1] if change.id.startswith(_LONG) else change.id))
    return action, [
        Asked(server.provider, change.account, change.type, id_, change.key, wanted)
        for id_ in ids
        for wanted in (value, None)
    ]


def _name(pair: Asked) -> str:
    tag = pair.key if pair.value is None else f"{pair.key}={pair.value}"
    return f"{pair.provider}/{pair.account} {pair.type} {pair.id} {tag}"
