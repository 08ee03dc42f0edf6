"""A write-ahead log of tag writes, so that undo can put back what a process that was killed removed.

A process that is killed takes the answers to its calls with it. What stood at a tag before the call is in a file by
then, so that the pair, if it is gone, is `absent` with that value: undo can put it back.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from untag.contracts import Tag
from untag.providers import Scope, Seen

WRITES = "writes.jsonl"

_EVERY_TAG = "all"

Place = tuple[str | None, ...]
"""A resource's provider, account, region, project, type and id."""
Done = Callable[[Mapping[str, Any], str, str, Mapping[str, Any]], bool]
"""Whether a pair has its outcome: of a request, a type, an id and a tag."""


class WriteLog:
    """The file of the writes that were begun in one round of work."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / WRITES
        self._file: BinaryIO | None = None
        self._read = 0
        self._seen: dict[Place, dict[str, str]] = {}

    def note(self, scope: Scope, ids: Sequence[str], tags: Sequence[Tag], seen: Mapping[str, Seen]) -> None:
        """Note what stands where a call is about to remove tags. Raises OSError: then the call is not made."""
        there = {id_: {tag.key: seen[id_].tags[tag.key] for tag in tags if tag.key in seen[id_].tags} for id_ in ids}
        place = (scope.provider, scope.account, scope.region, scope.project_id, scope.type)
        if self._file is None:
            self._file = self._path.open("ab", buffering=0)
        line = json.dumps([*place, {id_: values for id_, values in there.items() if values}])
        self._file.write(f"{line}\n".encode())

    def clear(self) -> None:
        """Forget them all: reports and messages say what is known."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._path.unlink(missing_ok=True)
        self._read, self._seen = 0, {}

    def rest_of(self, body: str, done: Done = lambda *_: False) -> str | None:
        """A message without the pairs that are done, and with the values that stood where a write was begun.

        None where nothing is left of it.
        """
        seen = self._places()
        try:
            content = json.loads(body)
            requests = content if isinstance(content, list) else [content]
            rest = [part for request in requests for part in _rest(request, seen, done)]
        except (ValueError, KeyError, TypeError):
            return body  # no request: it is rejected as it is
        if rest == requests:
            return body
        return json.dumps(rest if len(rest) > 1 else rest[0], ensure_ascii=False) if rest else None

    def _places(self) -> Mapping[Place, dict[str, str]]:
        """What stood there, by resource; read anew only where more is in the file."""
        try:
            content = self._path.read_bytes() if self._path.stat().st_size != self._read else None
        except FileNotFoundError:
            return {}  # also where another process has just cleared it
        if content is not None:
            self._read = len(content)
            self._seen = {}
            for line in content.splitlines():
                try:
                    *place, there = json.loads(line)
                except ValueError:
                    continue  # the process was killed while it wrote: the call was not made
                for id_, values in there.items():
                    # A resource may be written to in several calls, each for other keys.
                    self._seen.setdefault((*place, id_), {}).update(values)
        return self._seen


def _rest(request: Mapping[str, Any], seen: Mapping[Place, dict[str, str]], done: Done) -> Iterator[dict[str, Any]]:
    removes = request.get("action", "remove") == "remove"
    alike: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for group in request["resources"]:
        for id_ in group["ids"]:
            there = _values(request, group["type"], id_, seen) if removes else {}
            if request["tags"] == _EVERY_TAG:
                tags = [{"key": key, "value": value, "was": value} for key, value in there.items()]
            else:
                tags = [
                    _with_was(tag, there.get(tag["key"]))
                    for tag in request["tags"]
                    if not done(request, group["type"], id_, tag)
                ]
            if tags:
                ids = alike.setdefault(tuple(map(json.dumps, tags)), {}).setdefault(group["type"], [])
                ids.append(id_)
    if request["tags"] == _EVERY_TAG:
        yield {**request}
    for texts, by_type in alike.items():
        tags = [json.loads(text) for text in texts]
        resources = [{"type": type_, "ids": ids} for type_, ids in by_type.items()]
        part = {**request, "resources": resources, "tags": tags}
        if part != request:
            part.pop("expect", None)  # it counted the whole
        yield part


def _with_was(tag: Mapping[str, Any], stood: str | None) -> dict[str, Any]:
    """A tag with the value that stood there, if it is the one that was asked for."""
    return {**tag, "was": stood} if stood is not None and tag.get("value", stood) == stood else {**tag}


def _values(
    request: Mapping[str, Any], type_: str, id_: str, seen: Mapping[Place, dict[str, str]]
) -> Mapping[str, str]:
    provider, account = request["provider"], request.get("account", "default")
    # Some APIs have neither regions nor projects, whatever a request says.
    for where in ((request.get("region"), request.get("project_id")), (None, None)):
        if (values := seen.get((provider, account, *where, type_, id_))) is not None:
            return values
    return {}
