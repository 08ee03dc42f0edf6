"""One rule's way through its places: keys, pages, passes; what is found is sent before the place is marked as done."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from untag.contracts import ALL, Tag
from untag.contracts.reports import printable
from untag.contracts.requests import timestamp
from untag.core.chunks import chunks
from untag.core.requests import by_content, write_requests
from untag.messages import request_messages
from untag.providers import EVERY_TYPE, Finder, Listing
from untag.runtime import Runtime, Window
from untag.sweep.grace import Grace
from untag.sweep.listing import RESTARTS, TOO_MUCH, ExpiredError, Lister, ListingError, NotNowError
from untag.sweep.patterns import Hit
from untag.sweep.rules import Place, Rule
from untag.sweep.state import MOST_SAMPLES, Found, Progress, Sweep, fingerprint

WINDOW = 2000
"""Resources that are sent together, and marked as done together. Each may need a request of its own: so many are sent
within the time that is kept for delivery."""
PAGES = 4
"""Pages whose resources are sent together, unless they are more than a window."""
MANY_KEYS = 10
"""From so many keys in use on, all tagged resources are listed once, where a cloud can, and not for each key anew."""
ANY_KEY = ALL.key
"""The key that stands for such a listing."""
ROUNDS = 5
"""Passes over a paged listing, at most: the first reads it all, each further one looks for what the others missed."""


class _LimitError(Exception):
    """The rule's own limit of resources is reached."""


class _TooLongError(Exception):
    """The listing of everything does not fit into one answer: it has to be made key by key."""


class Sender(NamedTuple):
    """What a walk needs besides its rule."""

    runtime: Runtime
    window: Window
    sweep: Sweep
    dry_run: bool


class Walk:
    """One rule at one place."""

    def __init__(
        self, rule: Rule, place: Place, lister: Lister, progress: Progress, sender: Sender, finder: Finder
    ) -> None:
        self._rule = rule
        self._place = place
        self._lister = lister
        self._progress = progress
        self._sender = sender
        self._finder = finder
        self._policy = sender.runtime.settings.policy
        self._now = sender.runtime.timing.now
        self._seen = progress.remembered()
        self._types: dict[str, str] = {}
        """The types of what was listed, where resources of every type are."""
        self._limited = False
        self._head: Mapping[str, Any] = {
            "provider": rule.provider,
            "account": place.account,
            "region": place.region,
            "project_id": rule.project_id,
            "batch": sender.sweep.batch,
            "dry_run": sender.dry_run or None,
            "reason": f"sweep {sender.sweep.id}, rule {rule.name}",
        }
        self._due = sender.sweep.due
        keeps = rule.grace and self._due is None and not sender.dry_run
        self._grace = (
            Grace(rule, place, sender.sweep, sender.window.outbox, sender.runtime.host.kept_bytes) if keeps else None
        )

    async def go(self) -> None:
        """Go through the place from where the progress says. Raises ListingError or NotNowError."""
        try:
            keys = await self._keys()
            while keys:
                key = keys.pop(0)
                if key != self._progress.key:
                    self._progress.enter(key)
                    self._seen.clear()
                try:
                    await (self._pages(key) if self._lister.pages else self._whole(key))
                except _TooLongError:
                    keys = await self._keys_in_use()
        except _LimitError:
            self._progress.count("limit_reached")
            self._progress.done = True
        finally:
            self._progress.remember(self._seen)

    async def _keys(self) -> list[str]:
        """The literal keys that are still to be listed, in order; `ANY_KEY` alone for all of them at once."""
        wanted, begun, at_once = self._rule.match.key, self._progress.key, self._finder.finds_any_key
        if begun == ANY_KEY or (begun is None and at_once and wanted.matches_everything()):
            return [ANY_KEY]
        if wanted.only is not None:
            return [wanted.only] if self._rule.remove or not self._held(wanted.only) else []
        keys = await self._keys_in_use()
        if begun is None:
            return [ANY_KEY] if at_once and len(keys) >= MANY_KEYS else keys
        return [key for key in keys if key >= begun]

    async def _keys_in_use(self) -> list[str]:
        """The keys that the rule means, of those that the cloud says are in use; in order."""
        wanted = self._rule.match.key
        keys = await self._lister.names()
        return [key for key in keys if wanted.matches(key) and (self._rule.remove or not self._held(key))]

    # An API that answers with everything at once.

    async def _whole(self, key: str) -> None:
        value = self._rule.match.value
        only = None if value is None else value.only
        if not self._progress.by_value:
            if (listing := await self._in_one_answer(key, only)) is not None:
                await self._behind(key, listing)
                return
            self._progress.by_value, self._progress.value, self._progress.after = True, None, None
        for one in await self._lister.names(key):
            begun = self._progress.value
            if begun is not None and one < begun:
                continue
            if one != begun:
                self._progress.value, self._progress.after = one, None
            hit = Hit.YES if value is None else value.hit(one, self._now())
            if hit is Hit.YES:
                await self._behind(key, await self._find(key, one))
            elif hit is Hit.NOT_A_DATE:
                self._progress.count("not_a_date")

    async def _in_one_answer(self, key: str, value: str | None) -> Listing | None:
        """The listing, or None if by value it may be short enough. Raises _TooLongError if by key it may be."""
        try:
            return await self._find(key, value)
        except (ListingError, NotNowError) as error:
            if error.code not in TOO_MUCH or (value is not None and key != ANY_KEY):
                raise
            if key == ANY_KEY:
                raise _TooLongError from None
            return None

    async def _behind(self, key: str, listing: Listing) -> None:
        """Send what stands behind the resource at which the last invocation ended."""
        tags = listing.tags or {}
        ids = sorted(id_ for id_ in tags if self._progress.after is None or id_ > self._progress.after)
        for part in chunks(ids, WINDOW):
            if self._sender.window.deadline.for_calls() <= 0.0:
                raise NotNowError("deadline", "no time was left in this invocation", counted=False)
            await self._send(self._chosen(key, ((id_, tags[id_]) for id_ in part), once=False))
            self._progress.after = part[-1]

    # An API that pages, while removals shift the pages.

    async def _pages(self, key: str) -> None:
        value = self._rule.match.value
        only = None if value is None else value.only
        progress = self._progress
        while True:
            try:
                await self._pass(key, only)
            except ExpiredError:
                progress.restarts += 1
                if progress.restarts > RESTARTS:
                    raise ListingError("expired_marker", "the listing cannot be gone on with") from None
                progress.cursor = None
                continue
            # Where nothing is removed, nothing is shifted.
            if self._sender.dry_run or self._grace is not None or not progress.fresh or progress.round >= ROUNDS:
                return
            progress.round, progress.fresh, progress.cursor = progress.round + 1, False, None

    async def _pass(self, key: str, only: str | None) -> None:
        """Read page after page, and send what a few of them hold before the place is marked."""
        progress = self._progress
        while True:
            rows: dict[str, Mapping[str, str]] = {}
            cursor = progress.cursor
            for _ in range(PAGES):
                listing = await self._find(key, only, cursor)
                page = listing.tags or {}
                rows |= page
                cursor = listing.next
                if cursor is None or len(rows) + len(page) > WINDOW:
                    break
            await self._send(self._chosen(key, rows.items(), once=True))
            if cursor is None:
                return
            progress.cursor = cursor

    # What is found.

    async def _find(self, key: str, value: str | None, cursor: str | None = None) -> Listing:
        """A page of a listing. Raises ListingError, NotNowError or ExpiredError."""
        listing = await self._lister.find(key, None if key == ANY_KEY else value, cursor)
        self._types |= listing.types
        if self._due is None:
            return listing
        return replace(listing, tags={id_: tags for id_, tags in (listing.tags or {}).items() if id_ in self._due.tags})

    def _chosen(self, key: str, rows: Iterable[tuple[str, Mapping[str, str]]], *, once: bool) -> list[Found]:
        """The tags to remove of each resource that the rule means. `once` leaves out what was sent already."""
        rule, progress, now = self._rule, self._progress, self._now()
        chosen: list[Found] = []
        for id_, tags in rows:
            first = progress.round == 1  # later passes read the same resources again
            progress.count("seen", first)
            if key == ANY_KEY:
                hit = rule.match.hit_of_any(self._judged(tags), now)
            else:
                hit = rule.match.hit(key, tags[key], now) if key in tags else Hit.NO
            progress.count("not_a_date", first and hit is Hit.NOT_A_DATE)
            if hit is not Hit.YES or self._met_before(key, tags, now):
                continue
            if not self._allowed(id_):
                progress.count("type_not_allowed", first)
                continue
            wanted = rule.chosen(tags, now)
            kept = tuple(Tag(name, value) for name, value in sorted(wanted.items()) if self._may_go(id_, name, value))
            if once:
                mark = fingerprint((id_, kept))
                if mark in self._seen:
                    continue
                self._seen.add(mark)
                progress.fresh = True
            if rule.limit is not None and progress.counts.get("matched", 0) >= rule.limit:
                self._limited = True
                break
            progress.count("matched")
            progress.count("protected", sum(map(self._held, wanted)))
            if kept:
                chosen.append((id_, kept))
        return chosen

    def _met_before(self, key: str, tags: Mapping[str, str], now: float) -> bool:
        """Whether an earlier key of the same rule has led to this resource."""
        match = self._rule.match
        if match.key.only is not None or key == ANY_KEY:
            return False
        return any(
            other < key and (self._rule.remove or not self._held(other)) and match.hit(other, value, now) is Hit.YES
            for other, value in tags.items()
        )

    def _judged(self, tags: Mapping[str, str]) -> Mapping[str, str]:
        """The tags by which a resource is judged: protected ones lead to nothing but where the rule removes others."""
        return tags if self._rule.remove else {key: value for key, value in tags.items() if not self._held(key)}

    def _type(self, id_: str) -> str:
        return self._types[id_] if self._place.type == EVERY_TYPE else self._place.type

    def _allowed(self, id_: str) -> bool:
        """Whether this stack works at resources of the type. The place's own has been looked at before."""
        allowed = self._policy.allowed_types
        return self._place.type != EVERY_TYPE or not allowed or self._type(id_) in allowed

    def _may_go(self, id_: str, key: str, value: str) -> bool:
        """Whether a tag is not held back and, where a grace is over, is one that was announced."""
        due = self._due
        return not self._held(key) and (due is None or due.tags.get(id_, {}).get(key) == value)

    def _held(self, key: str) -> bool:
        """Whether the key belongs to the cloud or is protected."""
        return self._policy.protects(self._finder, key) is not None

    async def _send(self, found: list[Found]) -> None:
        progress, head, now = self._progress, self._head, self._now()
        if self._grace is not None:
            found = await self._grace.new(found, progress)
            reason = f"{head['reason']}: goes at {timestamp(self._grace.due(now))} if it still matches"
            head = {**head, "dry_run": True, "reason": reason}
        written = write_requests(
            {(self._type(id_), id_): tags for id_, tags in found},
            head,
            self._sender.runtime.registry,
            name=by_content(f"{self._sender.sweep.id}.{self._rule.name}"),
            max_pairs=self._policy.max_pairs,
        )
        for body in written.bodies:
            progress.count(
                "pairs" if self._grace is None else "announced",
                sum(len(group["ids"]) for group in body["resources"]) * len(body["tags"]),
            )
            self._sampled(body)
        progress.count("by_key", written.by_key)
        for left in written.left_out:
            progress.count("unremovable")
            progress.error(
                code="unremovable",
                message=left.reason[:240],
                account=self._place.account,
                region=self._place.region,
                type=printable(left.type),
                resource_id=printable(left.resource_id),
                key=printable(left.tag.key),
            )
        await self._sender.window.outbox.send_back(request_messages(written.bodies))
        progress.count("requests", len(written.bodies))
        if self._grace is not None:
            unremovable = {(left.resource_id, left.tag) for left in written.left_out}
            found = [(id_, tuple(tag for tag in tags if (id_, tag) not in unremovable)) for id_, tags in found]
            await self._grace.keep([one for one in found if one[1]], now, progress)
        if self._limited:
            raise _LimitError

    def _sampled(self, body: Mapping[str, Any]) -> None:
        """A dry run's summary shows the first pairs."""
        if not self._sender.dry_run:
            return
        pairs = (
            {"type": group["type"], "resource_id": id_, **tag}
            for group in body["resources"]
            for id_ in group["ids"]
            for tag in body["tags"]
        )
        self._progress.sample += islice(pairs, MOST_SAMPLES - len(self._progress.sample))
