"""The account kept outside the program: what was asked, held against what was told and what the clouds' tables say.

Nothing here is the program's: requests are read as they were sent, reports as they were published, tags from the truth
tables and call logs of the provider servers, and what was not acknowledged from the event source mapping.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from clouds import NOT_ALLOWED, same
from invocations import DIED, UNDELIVERED
from pairs import Asked, Json, Pair, distinct, pairs_of, rows_of, unwrapped
from report_laws import BAD, identities, sums
from workload import PROTECTED_PREFIX

from local.providers import Call, ProviderServer
from local.stack import DeadLetter

CHANGES = {"removed": "remove", "restored": "restore"}
GONE = {"removed", "absent", "not_found"}


class Figures(NamedTuple):
    """What a pair cost."""

    calls: list[int]
    """Calls that named the pair, in order of size."""

    def at(self, share: float) -> int:
        """The calls that this share of all pairs did not exceed."""
        return self.calls[min(len(self.calls) - 1, int(len(self.calls) * share))] if self.calls else 0


class Removals(NamedTuple):
    """Tags that our calls took away, by what the reports let anybody know of them."""

    claimed: int = 0
    """A row says `removed`."""
    absent_with_value: int = 0
    """A row says `absent`, with the value that stood there: the answer to our call was lost."""
    in_dead_letter: int = 0
    """The pair still lies in a dead letter, which is redriven later."""
    known_to_a_process_that_died: int = 0
    """Its record came again, and nothing is known of the first time."""
    in_results_that_could_not_be_sent: int = 0
    """The same, of a process that lived."""


class Account:
    """Holds the requests, and finds what does not agree with them.

    `unacknowledged` says of a resource and a time why a record with it, that was being worked at then, was not
    acknowledged; it is empty if it was. Without `read_first` nobody looks what stood there, and fewer laws hold.
    """

    def __init__(
        self,
        requests: Iterable[Json],
        servers: Mapping[str, ProviderServer],
        unacknowledged: Callable[[str, float], str],
        *,
        read_first: bool = True,
    ) -> None:
        self.servers = servers
        self.requests: dict[str, Json] = {}
        self.asked: set[Asked] = set()
        self.removals = Removals()
        self._unacknowledged = unacknowledged
        self._read_first = read_first
        # What stood there when the account was opened.
        self._began = {pair for server in servers.values() for pair in _standing(server)}
        self._held: dict[str, set[Pair]] = {}
        self.terminal: dict[Asked, Counter[str]] = {}
        self._letters: set[Asked] = set()
        self._rows: dict[tuple[str, ...], list[Json]] = {}
        self._history: dict[tuple[str, ...], list[Any]] = {}
        self._log: dict[str, Call] = {}
        self._standing: dict[tuple[str, ...], Mapping[str, str]] = {}
        for request in requests:
            self._open(request)

    def add(self, request: Json) -> None:
        """One more request, made while its tags stand."""
        self._began |= set(self._open(request))

    def also_stands(self, pair: Pair) -> None:
        """Somebody else has set a tag."""
        self._began |= {pair, pair._replace(value=None)}

    def _open(self, request: Json) -> set[Pair]:
        pairs = set(pairs_of(request))
        self.requests[request["id"]] = request
        self.asked |= {Asked(request["id"], pair) for pair in pairs}
        if request.get("account") == NOT_ALLOWED:
            self._held[request["id"]] = pairs
        return pairs

    def findings(self, reports: list[Json], letters: list[DeadLetter], *, last: bool = False) -> dict[str, list[str]]:
        """What does not agree, by the law that it breaks; no list is empty. `last`: no letter is redriven any more."""
        self.read(reports, letters)
        laws = {
            "lost": self._lost(),
            "false removed": self._false(reports),
            "said gone but stands": self._stands(),
            "said to stand, and never did": self._never_stood(reports),
            "touched though not asked for": self._touched(),
            "cannot be undone": self._not_undone(last=last) if self._read_first else (),
            "held back": self._held_back(reports),
            "does not add up": sums(reports),
            "report_id": identities(reports),
            "failed without a letter": self._unburied(),
            "rejected without a report": _rejections(reports, letters),
            "a signature used twice": self._replayed(),
            "a call in another account": self._foreign(),
            "dry run": self._wet(),
        }
        broken = {law: list(findings) for law, findings in laws.items()}
        return {law: findings for law, findings in broken.items() if findings}

    def read(self, reports: list[Json], letters: list[DeadLetter]) -> None:
        """Take down what there is now."""
        self.terminal = defaultdict(Counter)
        for report in distinct(reports):
            for asked, row in rows_of(report):
                self.terminal[asked][row["outcome"]] += 1
            if "held_back" in report:
                for pair in self._held.get(report["id"], ()):
                    self.terminal[Asked(report["id"], pair)]["protected"] += 1
        # A report that comes again says the same of a pair, and may know more of what stood there.
        self._rows = defaultdict(list)
        for report in reports:
            for asked, row in rows_of(report):
                self._rows[asked.pair.place].append(row)
        self._letters = {
            Asked(request.get("id", ""), pair)
            for letter in letters
            if letter.attributes.get("code") != "invalid"
            for request in unwrapped(letter.body)
            for pair in pairs_of(request)
        }
        self._read_clouds()

    def _read_clouds(self) -> None:
        self._history = defaultdict(list)
        for server in self.servers.values():
            self._log |= {call.request_id: call for call in server.calls}
            for change in server.tags.history:
                place = (change.type, *(same(server.provider, name) for name in (change.id, change.key)))
                self._history[server.provider, change.account, *place].append(change)
            for account, regions in server.tags.snapshot().items():
                for types in regions.values():
                    for type_, resources in types.items():
                        for id_, tags in resources.items():
                            name = same(server.provider, id_)
                            found = {same(server.provider, key): value for key, value in tags.items()}
                            self._standing[server.provider, account, type_, name] = found

    def _lost(self) -> Iterator[str]:
        """Every pair has an outcome, or lies where it can be redriven; and nobody else has one."""
        for asked in self.asked:
            if asked not in self.terminal and asked not in self._letters:
                yield f"{asked} has no outcome and lies in no dead letter"
        for asked in self.terminal:
            if asked not in self.asked:
                yield f"{asked} has an outcome, and nobody asked for it"

    def _false(self, reports: list[Json]) -> Iterator[str]:
        """A change that is told of happened, and the call that is named as its evidence asked for it."""
        for report in reports:
            for asked, row in rows_of(report):
                if (action := CHANGES.get(row["outcome"])) is None:
                    continue
                there = action == "restore" and self._stood(asked.pair)
                changed = any(_is(change, action, asked.pair.value) for change in self._history[asked.pair.place])
                if not (changed or there or self._uncounted(asked.pair)):
                    yield f"{asked} is told to be {row['outcome']}, and nothing was changed at the cloud"
                if there and "provider_request_id" not in row:
                    continue  # it stood there already, so nothing had to be called
                call = self._log.get(row.get("provider_request_id", ""))
                if call is None or not call.writing or not _names(call, asked.pair, action):
                    yield f"{asked} is told to be {row['outcome']} by a call that did not ask for it"
                if self._read_first and action == "remove" and "was" not in row:
                    yield f"{asked} is told to be {row['outcome']}, and nobody looked what stood there"

    def _uncounted(self, pair: Pair) -> bool:
        """Whether nobody looks, and the cloud answers with a success for a pair that never stood there: it counts such
        a pair too, or counts nothing.
        """
        counts = pair.provider == "jdcloud" and self.servers["jdcloud"].options.unbound != "counted"
        return not self._read_first and not counts and pair not in self._began

    def _stood(self, pair: Pair) -> bool:
        """Whether this value ever stood there: from the beginning, or since a call put it there."""
        return pair in self._began or any(change.after == pair.value for change in self._history[pair.place])

    def _stands(self) -> Iterator[str]:
        for asked, outcomes in self.terminal.items():
            if not GONE & set(outcomes) or self.requests.get(asked.request, {}).get("action") == "restore":
                continue
            there = self._standing.get(asked.pair[:4], {})
            if asked.pair.key in there and asked.pair.value in (None, there[asked.pair.key]):
                yield f"{asked} is told to be gone ({', '.join(outcomes)}), and stands"

    def _never_stood(self, reports: list[Json]) -> Iterator[str]:
        """A value that is told of stood there, and what would be removed does."""
        for report in reports:
            for asked, row in rows_of(report):
                if (was := row.get("was")) is not None and not self._stood(asked.pair._replace(value=was)):
                    yield f"{asked} is {row['outcome']}, and {was} never stood there"
                if row["outcome"] == "would_remove" and (
                    "was" not in row or asked.pair.value not in (None, row["was"])
                ):
                    yield f"{asked} would be removed, and {row.get('was')} stands there"
                if row.get("code") == "changed_since" and row.get("was") in (None, asked.pair.value):
                    yield f"{asked} is held back for another value, and {row.get('was')} is none"

    def _touched(self) -> Iterator[str]:
        """Every change at a cloud was asked for, with the value that stood there or by the key alone; and no value was
        replaced unless that was asked for, too.
        """
        wet = [
            request
            for request in self.requests.values()
            if not request.get("dry_run") and request["id"] not in self._held
        ]
        asked, overwritten = set[Any](), set[Pair]()
        for request in wet:
            for pair in pairs_of(request):
                if not pair.key.startswith(PROTECTED_PREFIX):
                    # Where nobody looks, a cloud that removes by keys does so whatever value is named.
                    by_key = not self._read_first and pair.provider != "jdcloud"
                    asked.add((request.get("action", "remove"), pair._replace(value=None) if by_key else pair))
                    overwritten |= {pair} if request.get("overwrite") else set()
        for place, changes in self._history.items():
            for change in changes:
                action, value = ("remove", change.before) if change.after is None else ("restore", change.after)
                if not {(action, Pair(*place, value)), (action, Pair(*place, None))} & asked:
                    yield f"{' '.join(place)}={value}: a {action} that nobody asked for"
                if None not in (change.before, change.after) and Pair(*place, value) not in overwritten:
                    yield f"{' '.join(place)}={value}: it replaced {change.before}, which nobody asked for"

    def _not_undone(self, *, last: bool) -> Iterator[str]:
        """Each tag that a call of ours took away is in the reports with the value that stood there, so that all of them
        can be put back. A letter that is redriven may still tell. What was known while a record was worked at is
        excused, if the record was not acknowledged: the process died, or its results could not be sent.
        """
        tally = Counter[str]()
        letters = {asked.pair.place for asked in self._letters} if not last else set()
        for place, changes in self._history.items():
            for change in changes:
                if change.after is not None:
                    continue
                rows = [row for row in self._rows[place] if row.get("was") == change.before]
                outcomes = {row["outcome"] for row in rows if row["value"] in (None, change.before)}
                if "removed" in outcomes:
                    tally["claimed"] += 1
                elif "absent" in outcomes:
                    tally["absent_with_value"] += 1
                elif place in letters:
                    tally["in_dead_letter"] += 1
                # By the time of the call: what a cloud accepts it may carry out later.
                elif reason := self._unacknowledged(change.id, self._log[change.request_id].time):
                    tally[_EXCUSES[reason]] += 1
                else:
                    yield f"{' '.join(place)}={change.before} was removed by {change.request_id}, and no report says so"
        self.removals = Removals(**tally)

    def _held_back(self, reports: list[Json]) -> Iterator[str]:
        """What the stack does not allow is held back as one fact, and not called for."""
        for report in reports:
            if report["kind"] != "removal":
                continue
            told, pairs = report.get("held_back"), self._held.get(report["id"])
            if told is not None and pairs is None:
                yield f"{report['id']} is held back for {told['code']}, and nothing of it is to be"
            elif pairs is not None and (told is None or told["code"] != "account_not_allowed"):
                yield f"{report['id']} is for an account that is not allowed, and not held back for it: {told}"
            elif pairs is not None and told is not None and told["pairs"] != len(pairs):
                yield f"{report['id']} is held back with {told['pairs']} pairs, and has {len(pairs)}"
        for server in self.servers.values():
            for call in server.calls:
                if call.account == NOT_ALLOWED:
                    yield f"{call.operation} was called for an account that is not allowed"

    def _unburied(self) -> Iterator[str]:
        for asked, outcomes in self.terminal.items():
            # One that failed, and whose record came again and ended well, needs no letter.
            if set(outcomes) <= BAD and asked not in self._letters:
                yield f"{asked} failed, and lies in no dead letter"

    def _replayed(self) -> Iterator[str]:
        """JD Cloud's and Alibaba Cloud's signatures bear a nonce; others are the same for a call within a second."""
        counts = Counter(call.signature for name in ("jdcloud", "alibabacloud") for call in self.servers[name].calls)
        for signature, count in counts.items():
            if count > 1:
                yield f"{signature} was sent {count} times"

    def _foreign(self) -> Iterator[str]:
        """A resource is asked about as its own account alone."""
        owners = {(asked.pair.provider, asked.pair.id): asked.pair.account for asked in self.asked}
        for server in self.servers.values():
            for call in server.calls:
                names = ((server.provider, same(server.provider, id_)) for id_ in call.ids if call.account)
                for name in names:
                    if owners.get(name, call.account) != call.account:
                        yield f"{name[1]} of {owners[name]} is asked about as {call.account}"

    def _wet(self) -> Iterator[str]:
        for asked, outcomes in self.terminal.items():
            if self.requests.get(asked.request, {}).get("dry_run") and set(CHANGES) & set(outcomes):
                yield f"{asked} was asked for in a dry run, and changed"

    def cost(self) -> Figures:
        """How many calls each pair took."""
        reads, writes = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str, str]]()
        for server in self.servers.values():
            for call in server.calls:
                keys = [same(server.provider, key) for key, _ in call.tags]
                for id_ in (same(server.provider, name) for name in call.ids):
                    if call.writing:
                        writes.update((server.provider, call.account, id_, key) for key in keys)
                    else:
                        reads[server.provider, call.account, id_] += 1
        pairs = {asked.pair for asked in self.asked if asked.request not in self._held}
        return Figures(
            sorted(
                reads[pair.provider, pair.account, pair.id] + writes[pair.provider, pair.account, pair.id, pair.key]
                for pair in pairs
            )
        )


_EXCUSES = {DIED: "known_to_a_process_that_died", UNDELIVERED: "in_results_that_could_not_be_sent"}


def _rejections(reports: list[Json], letters: list[DeadLetter]) -> Iterator[str]:
    """A body that is rejected lies in a dead letter and is reported, under the same id; and nothing else is."""
    reported = {report["id"]: report for report in reports if report["kind"] == "rejected"}
    buried = {letter.attributes["request_id"] for letter in letters if letter.attributes.get("code") == "invalid"}
    for id_ in sorted(buried - set(reported)):
        yield f"{id_} lies in a dead letter as invalid, and no report says so"
    for id_, report in reported.items():
        if id_ not in buried:
            yield f"{id_} is reported as rejected, and lies in no dead letter"
        if not report["errors"] or "outcomes" in report:
            yield f"{id_} is reported as rejected without a reason, or with outcomes"


def _standing(server: ProviderServer) -> Iterator[Pair]:
    for pair in server.tags.pairs():
        names = (same(server.provider, name) for name in (pair.id, pair.key))
        place = (server.provider, pair.account, pair.type, *names)
        yield Pair(*place, pair.value)
        yield Pair(*place, None)


def _names(call: Call, pair: Pair, action: str) -> bool:
    """Whether a call asked for this change of the pair."""
    if pair.id not in {same(pair.provider, id_) for id_ in call.ids}:
        return False
    keys = {same(pair.provider, key): value for key, value in call.tags}
    if pair.provider == "gcp":
        # A call has the whole new set of labels, and the log what it would change: what stands as asked is not in it.
        return pair.key not in keys or (keys[pair.key] is None) is (action == "remove")
    return pair.key in keys


def _is(change: Any, action: str, value: str | None) -> bool:
    if action == "remove":
        return change.after is None and value in (None, change.before)
    return change.after is not None and change.after == value
