"""What the local Tag API of Tencent Cloud accepts, and its words for what it refuses.

Limits are those of the SDK's model (tencentcloud-sdk-python-tag 3.1.109) and the API's pages.
"""

import re
from typing import Any

from local.providers.faults import Tag
from local.providers.server import Answer, Refusal

MOST_RESOURCES = 10
MOST_KEYS = 10
MOST_FILTERS = 6
MOST_VALUES = 10
MAX_KEY = 127
MAX_VALUE = 255
RESERVED = ("qcs:", "project", "项目", "qcloud", "tencent")
_NAME = re.compile(r"qcs::[a-z0-9_-]+:[a-z0-9-]*:ui[nd]/[0-9]+:[^/*]+/[^*]+")


def error(code: str, message: str) -> Answer:
    """An error: like everything else, an answer with status 200."""
    return Answer(200, {"Error": {"Code": code, "Message": message}}, code)


def refuse(code: str, message: str) -> Refusal:
    """A call that breaks the model."""
    return Refusal(error(code, message))


def names(body: dict[str, Any]) -> tuple[str, ...]:
    """The six-segment names of a call, each once."""
    found = body.get("ResourceList")
    if not isinstance(found, list) or not found:
        raise refuse("MissingParameter", "ResourceList is missing")
    if len(found) > MOST_RESOURCES:
        raise refuse("LimitExceeded.ResourceNumPerRequest", f"a call takes at most {MOST_RESOURCES} resources")
    for name in found:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise refuse("InvalidParameterValue.ResourceDescriptionError", f"{name} is no resource's description")
    return tuple(dict.fromkeys(found))


def keys(body: dict[str, Any]) -> tuple[Tag, ...]:
    """The keys of UnTagResources."""
    return tuple((_key(key), None) for key in dict.fromkeys(_list(body, "TagKeys")))


def tags(body: dict[str, Any]) -> tuple[Tag, ...]:
    """The tags of TagResources."""
    found: dict[str, str] = {}
    for entry in _list(body, "Tags"):
        key, value = (entry.get("TagKey"), entry.get("TagValue")) if isinstance(entry, dict) else (None, None)
        if not isinstance(value, str) or not value:
            raise refuse("InvalidParameterValue.TagValueEmpty", "a tag has a value")
        if len(value) > MAX_VALUE:
            raise refuse("InvalidParameterValue.TagValueLengthExceeded", f"a value has at most {MAX_VALUE} characters")
        if _key(key) in found:
            raise refuse("InvalidParameterValue.TagKeyDuplicate", f"{key} stands there twice")
        found[_key(key)] = value
    return tuple(found.items())


def filters(body: dict[str, Any]) -> list[tuple[str, frozenset[str]]]:
    """The tag filters of a search: a key, and the values it may have (none named: any)."""
    found = []
    for entry in body.get("TagFilters") or ():
        values = entry.get("TagValue") or () if isinstance(entry, dict) else ()
        if not isinstance(entry, dict) or not isinstance(entry.get("TagKey"), str) or len(values) > MOST_VALUES:
            raise refuse("InvalidParameterValue.TagFilters", "a tag filter has a key, and values")
        found.append((entry["TagKey"], frozenset(values)))
    if len(found) > MOST_FILTERS:
        raise refuse("InvalidParameterValue.TagFiltersLengthExceeded", f"at most {MOST_FILTERS} filters")
    return found


def _list(body: dict[str, Any], name: str) -> list[Any]:
    found = body.get(name)
    if not isinstance(found, list) or not found:
        raise refuse("MissingParameter", f"{name} is missing")
    if len(found) > MOST_KEYS:
        raise refuse("LimitExceeded.TagNumPerRequest", f"a call takes at most {MOST_KEYS} tags")
    return found


def _key(key: Any) -> str:
    if not isinstance(key, str) or not key:
        raise refuse("InvalidParameterValue.TagKeyEmpty", "a tag has a key")
    if len(key) > MAX_KEY:
        raise refuse("InvalidParameterValue.TagKeyLengthExceeded", f"a key has at most {MAX_KEY} characters")
    if key.startswith(RESERVED):
        raise refuse("InvalidParameter.ReservedTagKey", f"{key} is reserved")
    return key
