"""Removal requests that name exactly a plan's rows, each with the value that was seen."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from cli.plans.rows import Pair, Spared
from untag.contracts import Tag
from untag.core.requests import by_content, write_requests
from untag.providers import Registry

_PLACE = 4
"""Fields of a pair that all pairs of a request share, beside its batch."""


class Left(NamedTuple):
    """A part of a plan: requests, and the rows that no request can name."""

    bodies: list[dict[str, Any]]
    left_out: list[Spared]


def removal_requests(
    pairs: Iterable[Pair],
    registry: Registry,
    *,
    name: Callable[[str], str],
    max_pairs: int,
    batch: str | None,
    other: str,
    **head: str | None,
) -> Iterator[Left]:
    """The requests for rows in their order, place by place.

    `batch` is that of all rows, else each has its own, and `other` where it has none. `name` gives what begins the ids
    of a batch's requests. `head` has further fields of every request.
    """
    for place, rows in groupby(pairs, key=lambda pair: pair[:_PLACE]):
        by_batch: dict[str, dict[tuple[str, str], list[Tag]]] = {}
        for pair in rows:
            tags = by_batch.setdefault(batch or pair.batch or other, {})
            tags.setdefault((pair.type, pair.id), []).append(Tag(pair.key, pair.value))
        for its, tags in by_batch.items():
            yield _exact(place, tags, registry, name(its), max_pairs, {**head, "batch": its})


def _exact(
    place: tuple[str, ...],
    tags: dict[tuple[str, str], list[Tag]],
    registry: Registry,
    name: str,
    max_pairs: int,
    head: dict[str, str | None],
) -> Left:
    provider, account, region, project = place
    whole = {**head, "provider": provider, "account": account, "region": region or None, "project_id": project or None}
    written = write_requests(tags, whole, registry, name=by_content(name), max_pairs=max_pairs)
    left = Left([], [_spared(place, one.type, one.resource_id, *one.tag, one.reason) for one in written.left_out])
    for body in written.bodies:
        exact = [tag for tag in body["tags"] if "value" in tag]
        # By its key alone a tag would be removed whatever its value is now.
        for tag in body["tags"]:
            if "value" not in tag:
                for group in body["resources"]:
                    for id_ in group["ids"]:
                        seen = next(one.value for one in tags[group["type"], id_] if one.key == tag["key"])
                        left.left_out.append(
                            _spared(place, group["type"], id_, tag["key"], seen, "no request can name its value")
                        )
        if exact:
            left.bodies.append({**body, "tags": exact})
    return left


def _spared(place: tuple[str, ...], type_: str, id_: str, key: str, value: str | None, reason: str) -> Spared:
    provider, account, region, project = place
    return Spared(
        provider, account, region, project, type_, id_, key, value, value, "left_out", "cannot_be_named", reason
    )
