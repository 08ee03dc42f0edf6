"""Removal requests of what a sweep has found, within a stack's own limits and each cloud's."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from untag.contracts import InvalidInputError, parse_requests
from untag.providers import Registry

REQUEST_PAIRS = 1000
"""Pairs in one request, where the stack allows more: enough to share calls, few enough for one report."""

Found = tuple[str, tuple[tuple[str, str], ...]]
"""A resource's id, and the tags of it that are to go."""


def fingerprint(found: Found) -> int:
    """A resource and its tags as 64 bits."""
    return int.from_bytes(hashlib.blake2b(json.dumps(found).encode(), digest_size=8).digest())


def bodies(
    found: Sequence[Found], head: Mapping[str, Any], prefix: str, type_: str, max_pairs: int
) -> list[dict[str, Any]]:
    """Requests that together name exactly these tags of these resources.

    Resources with the same tags share a request. An id follows from what the request says, so that a page that is read
    twice makes the same requests again.
    """
    alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for id_, tags in found:
        alike.setdefault(tags, []).append(id_)
    most = min(max_pairs, REQUEST_PAIRS)
    made = []
    for tags, ids in alike.items():
        for some_tags, some_ids in _parts(tags, ids, most):
            body = {
                **{name: value for name, value in head.items() if value is not None},
                "resources": [{"type": type_, "ids": list(some_ids)}],
                "tags": [{"key": key, "value": value} for key, value in some_tags],
            }
            made.append({"id": f"{prefix}.{_digest(body)}", **body})
    return made


def checked(body: dict[str, Any], registry: Registry) -> Iterator[tuple[dict[str, Any], InvalidInputError | None]]:
    """The request, or its parts if it is not valid: with why, where a part of one resource is not."""
    try:
        registry.checked(parse_requests(body, body["id"]), listed=False)
    except InvalidInputError as error:
        (group,) = body["resources"]
        ids = group["ids"]
        if len(ids) == 1:
            yield body, error
            return
        middle = len(ids) // 2
        for part in (ids[:middle], ids[middle:]):
            half = {**body, "resources": [{**group, "ids": part}]}
            digest = _digest({name: value for name, value in half.items() if name != "id"})
            yield from checked({**half, "id": f"{body['id'].rpartition('.')[0]}.{digest}"}, registry)
    else:
        yield body, None


def _parts(
    tags: tuple[tuple[str, str], ...], ids: Sequence[str], most: int
) -> Iterator[tuple[tuple[tuple[str, str], ...], Sequence[str]]]:
    for first in range(0, len(tags), most):
        some = tags[first : first + most]
        size = max(1, most // len(some))
        for start in range(0, len(ids), size):
            yield some, ids[start : start + size]


def _digest(body: Mapping[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:20]
