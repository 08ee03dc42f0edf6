"""The account kept outside the program: which pairs raw requests name, worked out without the program's help."""

import json
from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]
Pair = tuple[str, str, str, str | None]
"""type, id, key and value, as a request asks for them."""


def asked(raw: Json) -> set[Pair]:
    """The pairs that a raw request asks for, worked out without the program's help."""
    return {
        (group["type"], id_, tag["key"], tag.get("value"))
        for group in raw["resources"]
        for id_ in group["ids"]
        for tag in raw["tags"]
    }


def named(bodies: Iterable[Json]) -> list[Pair]:
    """The pairs that several requests name together, with repetitions."""
    return [pair for body in bodies for pair in sorted(asked(body), key=repr)]


def flat(body: str) -> list[Json]:
    """The requests in a message body."""
    found = json.loads(body)
    return found if isinstance(found, list) else [found]
