"""What the local Resource Groups Tagging API accepts, and its words for what it refuses.

Limits and patterns are those of the API's model (botocore 1.44.5, resourcegroupstaggingapi 2017-01-26).
"""

import re
from typing import Any

from local.providers.faults import Tag
from local.providers.server import Answer, Refusal

MOST_ARNS = 20
MOST_ARNS_READ = 100
MOST_KEYS = 50
MAX_KEY = 128
MAX_VALUE = 256
MAX_ARN = 1011
_ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12})?:.+", re.DOTALL)


def refuse(message: str, code: str = "InvalidParameterException") -> Refusal:
    """400 for a call that breaks the model."""
    return Refusal(Answer(400, {"__type": code, "message": message}, code))


def arns(body: dict[str, Any], most: int) -> tuple[str, ...]:
    """The ARNs of a call, each once."""
    found = body.get("ResourceARNList")
    if not isinstance(found, list) or not 1 <= len(found) <= most:
        raise refuse(f"ResourceARNList has 1 to {most} ARNs")
    for arn in found:
        if not isinstance(arn, str) or len(arn) > MAX_ARN or not _ARN.fullmatch(arn):
            raise refuse(f"{arn} is not a valid ARN")
    return tuple(dict.fromkeys(found))


def keys(body: dict[str, Any]) -> tuple[Tag, ...]:
    """The keys of UntagResources."""
    found = body.get("TagKeys")
    if not isinstance(found, list) or not 1 <= len(found) <= MOST_KEYS:
        raise refuse(f"TagKeys has 1 to {MOST_KEYS} keys")
    return tuple((_key(key), None) for key in dict.fromkeys(found))


def tags(body: dict[str, Any]) -> tuple[Tag, ...]:
    """The tags of TagResources, a map."""
    found = body.get("Tags")
    if not isinstance(found, dict) or not 1 <= len(found) <= MOST_KEYS:
        raise refuse(f"Tags has 1 to {MOST_KEYS} tags")
    for value in found.values():
        if not isinstance(value, str) or len(value) > MAX_VALUE:
            raise refuse(f"a tag value has at most {MAX_VALUE} characters")
    return tuple((_key(key), value) for key, value in found.items())


def _key(key: Any) -> str:
    if not isinstance(key, str) or not 1 <= len(key) <= MAX_KEY:
        raise refuse(f"a tag key has 1 to {MAX_KEY} characters")
    if key.lower().startswith("aws:"):
        raise refuse("a tag key cannot begin with aws:")
    return key


def filters(body: dict[str, Any]) -> list[tuple[str, frozenset[str]]]:
    """The tag filters of a search: a key, and the values it may have (none named: any)."""
    found = []
    for entry in body.get("TagFilters") or ():
        if not isinstance(entry, dict) or not isinstance(entry.get("Key"), str):
            raise refuse("a tag filter has a key")
        found.append((entry["Key"], frozenset(entry.get("Values") or ())))
    return found
