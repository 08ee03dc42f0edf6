"""What a bucket of OBS holds, what it once held, and what a listing of it shows."""

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True)
class StoredObject:
    """One object. `metadata` are its own names, without `x-obs-meta-`, in small letters."""

    body: bytes
    metadata: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "binary/octet-stream"
    modified: float = 0.0
    appends: int = 0
    """How often it was appended to, if an append made it; 0 for an object that was put, which takes no append."""

    @property
    def etag(self) -> str:
        """The MD5 of the body, in quotes."""
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


class Change(NamedTuple):
    """One write, in order: the object that a key had from then on; None where it was deleted."""

    time: float
    key: str
    object: StoredObject | None


class Page(NamedTuple):
    """One page of a listing."""

    objects: list[tuple[str, StoredObject]]
    prefixes: list[str]
    next_marker: str | None
    """None: the page is the last one."""


class Bucket:
    """A bucket. Reads see the last write at once. A listing shows the state of `listing_lag` seconds ago."""

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self.name = name
        self.listing_lag = 0.0
        self.history: list[Change] = []
        self.lock = threading.RLock()
        self._clock = clock
        self._objects: dict[str, StoredObject] = {}
        self._listed: dict[str, StoredObject] = {}
        self._unlisted: deque[Change] = deque()

    def get(self, key: str) -> StoredObject | None:
        """An object; None where there is none."""
        with self.lock:
            return self._objects.get(key)

    def put(self, key: str, stored: StoredObject) -> None:
        """Store an object, in place of any that has the key."""
        with self.lock:
            self._objects[key] = stored
            self._note(key, stored)

    def delete(self, key: str) -> bool:
        """Delete an object; false where there was none."""
        with self.lock:
            there = self._objects.pop(key, None) is not None
            if there:
                self._note(key, None)
            return there

    def keys(self, prefix: str = "") -> list[str]:
        """The keys there are, in order, whatever a listing shows."""
        with self.lock:
            return sorted(key for key in self._objects if key.startswith(prefix))

    def objects(self, prefix: str = "") -> dict[str, StoredObject]:
        """What there is, in order of key, whatever a listing shows."""
        with self.lock:
            return {key: self._objects[key] for key in self.keys(prefix)}

    def listing(self, prefix: str, marker: str, most: int, delimiter: str = "") -> Page:
        """A page of a listing: what follows `marker`, in the order of the keys' bytes."""
        with self.lock:
            self._catch_up()
            names = sorted((key for key in self._listed if key.startswith(prefix)), key=str.encode)
            objects: list[tuple[str, StoredObject]] = []
            prefixes: list[str] = []
            last = ""
            for key in names:
                cut = key.find(delimiter, len(prefix)) if delimiter else -1
                entry = key if cut < 0 else key[: cut + len(delimiter)]
                if entry.encode() <= marker.encode() or (prefixes and entry == prefixes[-1]):
                    continue
                if len(objects) + len(prefixes) == most:
                    return Page(objects, prefixes, last)
                if cut < 0:
                    objects.append((key, self._listed[key]))
                else:
                    prefixes.append(entry)
                last = entry
            return Page(objects, prefixes, None)

    def _note(self, key: str, stored: StoredObject | None) -> None:
        change = Change(self._clock(), key, stored)
        self.history.append(change)
        self._unlisted.append(change)

    def _catch_up(self) -> None:
        """Let the listing know what is old enough."""
        shown = self._clock() - self.listing_lag
        while self._unlisted and self._unlisted[0].time <= shown:
            change = self._unlisted.popleft()
            if change.object is None:
                self._listed.pop(change.key, None)
            else:
                self._listed[change.key] = change.object
