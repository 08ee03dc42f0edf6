"""What the local tag service accepts: JSON, as the documents have it, or the SDK's form, and its words for the rest."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl

from local.providers.faults import Tag
from local.providers.server import Answer, Refusal

MOST = 50
"""Resources and keys of a call. No document says it for the tag service; the products' own APIs take as many."""
FORM = "application/x-www-form-urlencoded"
MAX_KEY = 128
MAX_VALUE = 255
MAX_PAGE = 100
PAGE = 10
_TRN = re.compile(r"trn:[a-z0-9_-]+:[a-z0-9-]*:[0-9]*:.+", re.DOTALL)
_RESERVED = re.compile("(volc|sys):", re.IGNORECASE)


def refuse(code: str, message: str) -> Refusal:
    """400 for a call that breaks a rule."""
    return Refusal(error(400, code, message))


def error(status: int, code: str, message: str, number: int | None = None) -> Answer:
    """An error in Volcengine's envelope."""
    told = {"Code": code, "Message": message} | ({} if number is None else {"CodeN": number})
    return Answer(status, {"ResponseMetadata": {"Error": told}}, code)


def body_of(content_type: str, raw: bytes) -> dict[str, Any]:
    """The parameters of a call, from JSON or a form."""
    try:
        if content_type.startswith(FORM):
            body = _nested(parse_qsl(raw.decode(), keep_blank_values=True))
        else:
            body = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise refuse("InvalidParameter", "the body cannot be read")
    return body


def _nested(pairs: list[tuple[str, str]]) -> Any:
    """`Tags.1.Key=env` as a list of objects."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        *path, last = name.split(".")
        place = root
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return _lists(root)


def _lists(found: Any) -> Any:
    if not isinstance(found, dict):
        return found
    if found and all(name.isdigit() for name in found):
        return [_lists(found[name]) for name in sorted(found, key=int)]
    return {name: _lists(value) for name, value in found.items()}


def trns(body: dict[str, Any]) -> tuple[str, ...]:
    """The TRNs of a call, each once."""
    found = body.get("ResourceTrnList")
    if not isinstance(found, list) or not 1 <= len(found) <= MOST:
        raise refuse("LimitExceeded.Resource", f"ResourceTrnList has 1 to {MOST} TRNs")
    for trn in found:
        if not isinstance(trn, str) or not _TRN.fullmatch(trn):
            raise refuse("InvalidTrn.Malformed", f"{trn} is no TRN")
    return tuple(dict.fromkeys(found))


def keys(body: dict[str, Any]) -> tuple[Tag, ...]:
    """The keys of UntagResources."""
    found = body.get("TagKeys")
    if not isinstance(found, list) or not 1 <= len(found) <= MOST:
        raise refuse("LimitExceeded.Tags", f"TagKeys has 1 to {MOST} keys")
    return tuple((_key(key), None) for key in dict.fromkeys(found))


def tags(body: dict[str, Any]) -> tuple[Tag, ...]:
    """The tags of TagResources."""
    found = body.get("Tags")
    if not isinstance(found, list) or not 1 <= len(found) <= MOST:
        raise refuse("LimitExceeded.Tags", f"Tags has 1 to {MOST} tags")
    made: dict[str, str] = {}
    for entry in found:
        key, value = (entry.get("Key"), entry.get("Value", "")) if isinstance(entry, dict) else (None, "")
        if not isinstance(value, str) or len(value) > MAX_VALUE:
            raise refuse("InvalidTagValue.Malformed", f"a tag value has at most {MAX_VALUE} characters")
        made[_key(key)] = value
    return tuple(made.items())


def _key(key: Any) -> str:
    if not isinstance(key, str) or not 1 <= len(key) <= MAX_KEY:
        raise refuse("InvalidTagKey.Malformed", f"a tag key has 1 to {MAX_KEY} characters")
    if _RESERVED.match(key):
        raise refuse("InvalidSystemTagKey", "a tag key cannot begin with volc: or sys:")
    return key


def filters(body: dict[str, Any]) -> list[tuple[str, frozenset[str]]]:
    """The tag filters of a listing: a key, and the values that it may have (none named: any)."""
    found = body.get("TagFilters") or []
    try:
        return [(entry["Key"], frozenset(entry.get("Values") or ())) for entry in found]
    except (KeyError, TypeError, AttributeError):
        raise refuse("InvalidTagFilterKey.Malformed", "a tag filter needs a key") from None


def size(body: dict[str, Any]) -> int:
    """The size of a page."""
    text = str(body.get("MaxResults", PAGE))
    if not text.isdecimal() or not 1 <= int(text) <= MAX_PAGE:
        raise refuse("InvalidMaxResults.Malformed", f"MaxResults is 1 to {MAX_PAGE}")
    return int(text)
