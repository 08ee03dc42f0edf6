"""The account kept outside the program: what was asked, held against what was told and what the clouds' tables say.

Nothing here is the program's: requests are read as they were sent, reports as they were published, and tags from the
truth tables and call logs of the provider servers.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from local.providers import Call, ProviderServer
from local.stack import DeadLetter

Json = dict[str, Any]
CHANGES = {"removed": "remove", "restored": "restore"}
DONE = {"removed", "restored", "would_remove", "would_restore", "absent", "not_found", "protected"}
BAD = {"failed", "unconfirmed"}


class Pair(NamedTuple):
    """A tag on a resource, as somebody asked for it; value None where only the key was named."""

    provider: str
    account: str
    type: str
    id: str
    key: str
    value: str | None


class Asked(NamedTuple):
    """A pair in one request."""

    request: str
    pair: Pair


class Figures(NamedTuple):
    """What a pair cost."""

    calls: list[int]
    """Calls that named the pair, in order of size."""

    def at(self, share: float) -> int:
        """The calls that this share of all pairs did not exceed."""
        return self.calls[min(len(self.calls) - 1, int(len(self.calls) * share))] if self.calls else 0


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
    """The pairs that a request names."""
    for group in request["resources"]:
        for id_ in group["ids"]:
            for tag in request["tags"]:
                account = request.get("account", "default")
                yield Pair(request["provider"], account, group["type"], id_, tag["key"], tag.get("value"))


def rows_of(report: Mapping[str, Any]) -> Iterator[tuple[Asked, Json]]:
    """The rows of a report, each with what it answers."""
    for row in report["outcomes"]:
        place = (report["provider"], report["account"], row["type"], row["resource_id"])
        yield Asked(report["id"], Pair(*place, row["key"], row["value"])), row


class Account:
    """Holds the requests, and finds what does not agree with them."""

    def __init__(self, requests: Iterable[Json], servers: Mapping[str, ProviderServer]) -> None:
        self.servers = servers
        self.requests = {request["id"]: request for request in requests}
        self.asked = {Asked(id_, pair) for id_, request in self.requests.items() for pair in pairs_of(request)}
        # What stood there when the account was opened, by key alone too.
        self._began = {pair for server in servers.values() for pair in _standing(server)}
        self.terminal: dict[Asked, Counter[str]] = {}
        self._letters: set[Asked] = set()
        self._history: dict[tuple[str, ...], list[Any]] = defaultdict(list)
        self._log: dict[str, Call] = {}
        self._standing: dict[tuple[str, ...], Mapping[str, str]] = {}

    def add(self, request: Json) -> None:
        """One more request, made while its tags stand."""
        self.requests[request["id"]] = request
        pairs = set(pairs_of(request))
        self._began |= pairs
        self.asked |= {Asked(request["id"], pair) for pair in pairs}

    def findings(self, reports: list[Json], letters: list[DeadLetter]) -> dict[str, list[str]]:
        """What does not agree, by the law that it breaks; no list is empty."""
        self.read(reports, letters)
        found = {
            "lost": list(self._lost()),
            "false removed": list(self._false(reports)),
            "said gone but stands": list(self._stands()),
            "touched though not asked for": list(self._touched()),
            "does not add up": list(self._sums(reports)),
            "report_id": list(_identities(reports)),
            "failed without a letter": list(self._unburied()),
            "a signature used twice": list(self._replayed()),
            "dry run": list(self._wet()),
        }
        return {law: told for law, told in found.items() if told}

    def read(self, reports: list[Json], letters: list[DeadLetter]) -> None:
        """Take down what there is now."""
        self.terminal = defaultdict(Counter)
        for report in reports:
            for asked, row in rows_of(report):
                self.terminal[asked][row["outcome"]] += 1
        self._letters = {
            Asked(request.get("id", ""), pair)
            for letter in letters
            if letter.attributes.get("code") != "invalid"
            for request in unwrapped(letter.body)
            for pair in pairs_of(request)
        }
        self._history.clear()
        for server in self.servers.values():
            self._log |= {call.request_id: call for call in server.calls}
            for change in server.tags.history:
                self._history[server.provider, change.account, change.type, change.id, change.key].append(change)
            for account, regions in server.tags.snapshot().items():
                for types in regions.values():
                    for type_, resources in types.items():
                        for id_, tags in resources.items():
                            self._standing[server.provider, account, type_, id_] = tags

    def _lost(self) -> Iterator[str]:
        """Every pair has an outcome, or lies where it can be redriven; and nobody else has one."""
        for asked in self.asked:
            if asked not in self.terminal and asked not in self._letters:
                yield f"{_name(asked)} has no outcome and lies in no dead letter"
        for asked in self.terminal:
            if asked not in self.asked:
                yield f"{_name(asked)} has an outcome, and nobody asked for it"

    def _false(self, reports: list[Json]) -> Iterator[str]:
        """A change that is told of happened, and the call that is named as its evidence asked for it."""
        for report in reports:
            for asked, row in rows_of(report):
                action = CHANGES.get(row["outcome"])
                if action is None:
                    continue
                changed = any(_is(change, action, asked.pair.value) for change in self._history[asked.pair[:5]])
                if not changed and not self._uncounted(asked.pair):
                    yield f"{_name(asked)} is told to be {row['outcome']}, and nothing was changed at the cloud"
                call = self._log.get(row.get("provider_request_id", ""))
                named = call is not None and call.writing and asked.pair.id in call.ids
                if not named or asked.pair.key not in {key for key, _ in call.tags}:
                    yield f"{_name(asked)} is told to be {row['outcome']} by a call that did not ask for it"

    def _uncounted(self, pair: Pair) -> bool:
        """Whether the cloud answers with a success for a pair that never stood there, so that nobody can tell."""
        return (
            pair.provider == "jdcloud"
            and self.servers["jdcloud"].options.unbound != "failed"
            and pair not in self._began
        )

    def _stands(self) -> Iterator[str]:
        for asked, outcomes in self.terminal.items():
            if not {"removed", "absent", "not_found"} & set(outcomes):
                continue
            if self.requests.get(asked.request, {}).get("action") == "restore":
                continue
            there = self._standing.get(asked.pair[:4], {})
            if asked.pair.key in there and asked.pair.value in (None, there[asked.pair.key]):
                yield f"{_name(asked)} is told to be gone ({', '.join(outcomes)}), and stands"

    def _touched(self) -> Iterator[str]:
        """Every change at a cloud was asked for, with the value that stood there or by the key alone."""
        wished = {
            (request.get("action", "remove"), pair)
            for request in self.requests.values()
            if not request.get("dry_run")
            for pair in pairs_of(request)
            if not pair.key.startswith("kept-")
        }
        for place, changes in self._history.items():
            for change in changes:
                action, value = ("remove", change.before) if change.after is None else ("restore", change.after)
                if not {(action, Pair(*place, value)), (action, Pair(*place, None))} & wished:
                    yield f"{' '.join(place)}={value}: a {action} that nobody asked for"

    def _sums(self, reports: list[Json]) -> Iterator[str]:
        """The counts of a report are those of its rows, on all its pages together."""
        sets: dict[tuple[Any, ...], dict[int, Json]] = defaultdict(dict)
        for report in reports:
            counts = json.dumps(report["counts"], sort_keys=True)
            times = (report["started_at"], report["finished_at"])
            key = (report["id"], report["attempt"], *times, report["page"]["of"], counts)
            if report["page"]["of"] == 1:
                key = (*key, report["report_id"])
            sets[key][report["page"]["number"]] = report
        for (id_, *_), pages in sets.items():
            first = next(iter(pages.values()))
            if len(pages) != first["page"]["of"]:
                continue  # a page that was not taken: its record came again
            told = Counter(row["outcome"] for page in pages.values() for row in page["outcomes"])
            counts = {name: count for name, count in first["counts"].items() if name != "deferred"}
            if told != counts or first["complete"] is (first["counts"].get("deferred", 0) > 0):
                yield f"{id_}: the counts {first['counts']} are not those of its rows {dict(told)}"

    def _unburied(self) -> Iterator[str]:
        for asked, outcomes in self.terminal.items():
            # One that failed, and whose record came again and ended well, needs no letter.
            if set(outcomes) <= BAD and asked not in self._letters:
                yield f"{_name(asked)} failed, and lies in no dead letter"

    def _replayed(self) -> Iterator[str]:
        """JD Cloud's signatures bear a nonce; Huawei Cloud's are the same for the same call within a second."""
        counts = Counter(call.signature for call in self.servers["jdcloud"].calls)
        for signature, count in counts.items():
            if count > 1:
                yield f"{signature} was sent {count} times"

    def _wet(self) -> Iterator[str]:
        for asked, outcomes in self.terminal.items():
            if self.requests.get(asked.request, {}).get("dry_run") and set(CHANGES) & set(outcomes):
                yield f"{_name(asked)} was asked for in a dry run, and changed"

    def unclaimed(self) -> int:
        """Pairs that a call of ours removed, and that no report claims: it lost the answer, or was not published."""
        return sum(
            set(outcomes) == {"absent"} and any(change.after is None for change in self._history[asked.pair[:5]])
            for asked, outcomes in self.terminal.items()
        )

    def cost(self) -> Figures:
        """How many calls each pair took."""
        reads, writes = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str, str]]()
        for server in self.servers.values():
            for call in server.calls:
                for id_ in call.ids:
                    if call.writing:
                        writes.update((server.provider, call.account, id_, key) for key, _ in call.tags)
                    else:
                        reads[server.provider, call.account, id_] += 1
        pairs = {asked.pair for asked in self.asked}
        return Figures(
            sorted(
                reads[pair.provider, pair.account, pair.id] + writes[pair.provider, pair.account, pair.id, pair.key]
                for pair in pairs
            )
        )


def _standing(server: ProviderServer) -> Iterator[Pair]:
    for pair in server.tags.pairs():
        place = (server.provider, pair.account, pair.type, pair.id, pair.key)
        yield Pair(*place, pair.value)
        yield Pair(*place, None)


def _is(change: Any, action: str, value: str | None) -> bool:
    if action == "remove":
        return change.after is None and value in (None, change.before)
    return change.after is not None and change.after == value


def _identities(reports: list[Json]) -> Iterator[str]:
    """The same facts have the same id, and other facts another."""
    by_facts: dict[str, set[str]] = defaultdict(set)
    by_id: dict[str, set[str]] = defaultdict(set)
    for report in reports:
        facts = json.dumps(
            [
                *(report.get(name) for name in ("kind", "action", "id", "provider", "account", "region")),
                *(report.get(name) for name in ("attempt", "dry_run", "page")),
                sorted(json.dumps([row.get(name) for name in ROW]) for row in report["outcomes"]),
            ]
        )
        by_facts[facts].add(report["report_id"])
        by_id[report["report_id"]].add(facts)
    for facts, ids in by_facts.items():
        if len(ids) > 1:
            yield f"{len(ids)} ids for the same facts: {facts[:200]}"
    for id_, all_facts in by_id.items():
        if len(all_facts) > 1:
            yield f"{id_} stands for {len(all_facts)} different reports"


ROW = ("type", "resource_id", "key", "value", "outcome", "code")


def _name(asked: Asked) -> str:
    return f"{asked.request}: {' '.join(str(part) for part in asked.pair)}"
