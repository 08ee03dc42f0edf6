"""Requests and sweeps as a stack's queues and its ledger take them."""

import hashlib
import json
from collections.abc import Iterable, Mapping

from cli.deployed.base import Body
from cli.errors import INVALID, CommandError
from cli.files.given import pairs_of
from untag.core.requests import shortened
from untag.messages import BODY_BYTES, in_two

_LONGEST_ID = 256
_DIGEST = 6


def with_own_ids(bodies: Iterable[Body], token: str) -> list[Body]:
    """The bodies with ids of their own in place of those that begin with a token.

    The same bodies get the same ids, so that the ledger counts what is sent twice once; other bodies of the same batch
    get others.
    """
    bodies = list(bodies)
    text = json.dumps(bodies, sort_keys=True).replace(token, "")
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
    return [
        {**body, "id": f"{body['batch']}-{digest}{body['id'].removeprefix(token)}"}
        if str(body.get("id", "")).startswith(token)
        else body
        for body in bodies
    ]


def fitting(body: Body, limit: int = BODY_BYTES) -> list[Body]:
    """A request as requests that each fit into a message. Raises CommandError where it cannot be cut so far."""
    parts = _cut(body, limit)
    if len(parts) == 1:
        return parts
    size = _LONGEST_ID - len(str(len(parts))) - 1
    return [
        {
            **part,
            "id": f"{shortened(body['id'], size)}-{number}",
            **({"expect": pairs_of(part)} if "expect" in body else {}),
        }
        for number, part in enumerate(parts, 1)
    ]


def _cut(body: Body, limit: int) -> list[Body]:
    if len(text_of(body).encode()) <= limit:
        return [body]
    if not (halves := in_two(body)):
        raise CommandError(
            f"{body['id']} is larger than a message may be", "a shorter list in it: nothing was sent", status=INVALID
        )
    return [part for half in halves for part in _cut(half, limit)]


def text_of(body: Mapping[str, object]) -> str:
    """A body as a message holds it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def ledger_lines(requests: Iterable[Body]) -> bytes:
    """Requests as the ledger keeps them: a line for each, with its number of pairs."""
    return "".join(
        json.dumps({**one, "pairs": None if one["tags"] == "all" else pairs_of(one)}, ensure_ascii=False) + "\n"
        for one in requests
    ).encode()
