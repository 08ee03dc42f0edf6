"""How the tag API's lists are read: resources with their tags, keys, values, and the failures of a write.

Where nothing failed, the list of failures may be empty, null or left out, and so may the object around it: the pages do
not say. What a read lists has to be there, empty or not: an answer that was cut would say that there are no tags.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from untag.contracts import Tag
from untag.providers.alibabacloud.answers import verdict_of_item
from untag.providers.alibabacloud.arns import Arn, parse_arn
from untag.providers.base import Failure
from untag.providers.credentials import Credentials
from untag.providers.http import Reply, message_of, name_of, tags_of

_SYSTEM = "System"


def rows(found: Any, *names: str) -> list[Any] | None:
    """The list under these names within each other; None if none stands there."""
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, list) else None


def _failed_rows(payload: Mapping[str, Any]) -> list[Any] | None:
    """The list of failures; None if something else stands there."""
    around = payload.get("FailedResources")
    if around is None:
        return []
    inside = around.get("FailedResource", []) if isinstance(around, Mapping) else around
    if inside is None:
        return []
    return inside if isinstance(inside, list) and isinstance(around, Mapping) else None


def next_token(reply: Reply) -> str | None:
    """The token at which a listing goes on; an empty one is none."""
    token = reply.json().get("NextToken")
    return token if isinstance(token, str) and token else None


def listed(reply: Reply) -> list[tuple[Arn, dict[str, str]]] | None:
    """The resources that an answer lists, each with its tags; None if it is not the documented answer.

    The tags that the cloud itself has put there are left out.
    """
    found = rows(reply.json(), "TagResources")
    if found is None:
        return None
    made = []
    try:
        for row in found:
            arn = parse_arn(row["ResourceARN"])
            tags = [
                {"key": tag["Key"], "value": tag.get("Value")}
                for tag in row["Tags"] or ()
                if tag.get("Category") != _SYSTEM
            ]
            if arn is None:
                return None
            made.append((arn, tags_of(tags)))
    except (KeyError, TypeError, AttributeError):
        return None
    return made


def names_in(reply: Reply, *names: str) -> tuple[str, ...] | None:
    """The keys (`Keys`, `Key`: objects with a Key) or values (`Values`, `Value`: texts) of an answer, None if none."""
    found = rows(reply.json(), *names)
    made = [row.get("Key") if isinstance(row, Mapping) else row for row in found or ()]
    if found is None or not all(isinstance(name, str) for name in made):
        return None
    return tuple(name for name in made if isinstance(name, str))


def failures(
    reply: Reply, named: Mapping[str, Arn], region: str, owner: str | None, credentials: Credentials
) -> dict[str, Failure] | None:
    """The resources that failed inside a success, by the ids that were asked for.

    None if it is not the documented answer, or speaks of a resource that was not asked about.
    """
    found = _failed_rows(reply.json())
    if found is None:
        return None
    made: dict[str, Failure] = {}
    for row in found:
        told = row.get("ResourceARN") if isinstance(row, Mapping) else None
        result = row.get("Result") if isinstance(row, Mapping) else None
        arn = parse_arn(told) if isinstance(told, str) else None
        ids = ids_of(arn, named, region, owner) if arn is not None else []
        if not ids:
            return None
        reason: Mapping[str, Any] = result if isinstance(result, Mapping) else {}
        code = name_of(reason.get("Code")) or "resource_failed"
        message = message_of(reason.get("Message"), credentials) or "no reason was given"
        made |= dict.fromkeys(ids, Failure(code, message, verdict_of_item(code)))
    return made


def ids_of(told: Arn, named: Mapping[str, Arn], region: str, owner: str | None) -> list[str]:
    """The ids that were asked for of which an answer speaks by this ARN."""
    return [id_ for id_, arn in named.items() if arn.is_said_by(told, region, owner)]


def bears(tags: Mapping[str, str], tag: Tag) -> bool:
    """Whether a tag is among them: without a value, its key."""
    return tag.key in tags and tag.value in (None, tags[tag.key])


def types_of(arns: Iterable[Arn]) -> dict[str, str]:
    """The type of each resource."""
    return {str(arn): arn.type for arn in arns}
