"""What the local Tag API accepts, and its words for what it refuses.

Limits are those of the API's pages and of the SDK's models (alibabacloud_tag20180828 1.1.2). The codes but
`InvalidResourceARN.Account` are guesses in the cloud's manner.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from local.providers.faults import Tag
from local.providers.server import Answer, Refusal

MOST_ARNS = 50
MOST_KEYS = 10
MAX_KEY = 128
MAX_VALUE = 128
PAGE, MOST_ON_A_PAGE = 50, 1000
_ARN = re.compile(r"arn:acs:([a-zA-Z0-9-]+):(\*|[a-z0-9-]*):(\*|[0-9]*):([^/:]+[/:].+)", re.DOTALL)
_RESERVED = re.compile(r"aliyun|acs:|.*https?://", re.DOTALL)


def refuse(code: str, message: str) -> Refusal:
    """400 for a call that breaks the model."""
    return Refusal(Answer(400, {"Code": code, "Message": message}, code))


class Named(NamedTuple):
    """A resource that a call names: as it was written, and with the account's own number."""

    sent: str
    full: str


def numbered(query: Mapping[str, str], name: str) -> list[str]:
    """The values of `name.1`, `name.2` and so on, without a gap."""
    found: list[str] = []
    while (value := query.get(f"{name}.{len(found) + 1}")) is not None:
        found.append(value)
    if len(found) != sum(key.startswith(f"{name}.") for key in query):
        raise refuse(f"InvalidParameter.{name}", f"{name} is not numbered from 1")
    return found


def arns(query: Mapping[str, str], region: str, number: str) -> list[Named]:
    """The ARNs of a call, each once; `*` is the current region and account."""
    found = numbered(query, "ResourceARN")
    if len(found) > MOST_ARNS:
        raise refuse("InvalidParameter.ResourceARN", f"ResourceARN has at most {MOST_ARNS} ARNs")
    made = []
    for text in dict.fromkeys(found):
        match = _ARN.fullmatch(text)
        if match is None:
            raise refuse("InvalidResourceARN", f"{text} is not a valid ARN")
        product, where, account, rest = match.groups()
        if account not in ("", "*", number):
            raise refuse("InvalidResourceARN.Account", "The account of the ARN is not the current account.")
        if where not in ("", "*", region):
            raise refuse("InvalidResourceARN.Region", "The region of the ARN is not the region of the request.")
        made.append(Named(text, f"arn:acs:{product}:{region}:{number}:{rest}"))
    return made


def keys(query: Mapping[str, str]) -> tuple[Tag, ...]:
    """The keys of UntagResources."""
    found = numbered(query, "TagKey")
    if not 1 <= len(found) <= MOST_KEYS:
        raise refuse("InvalidParameter.TagKey", f"TagKey has 1 to {MOST_KEYS} keys")
    return tuple((_key(key), None) for key in dict.fromkeys(found))


def tags(query: Mapping[str, str]) -> tuple[Tag, ...]:
    """`Tags`, a JSON object as a text."""
    try:
        found = json.loads(query.get("Tags", ""))
    except ValueError:
        found = None
    if not isinstance(found, dict) or not 1 <= len(found) <= MOST_KEYS:
        raise refuse("InvalidParameter.Tags", f"Tags is a JSON object of 1 to {MOST_KEYS} tags")
    for value in found.values():
        if not isinstance(value, str) or len(value) > MAX_VALUE:
            raise refuse("InvalidTagValue.Malformed", f"a tag value has at most {MAX_VALUE} characters")
    return tuple((_key(key), value) for key, value in found.items())


def _key(key: str) -> str:
    if not 1 <= len(key) <= MAX_KEY or _RESERVED.match(key):
        raise refuse("InvalidTagKey.Malformed", f"{key} cannot be a tag key")
    return key


def page(entries: list[tuple[str, Any]], query: Mapping[str, str], size: str = "PageSize") -> tuple[list[Any], str]:
    """The entries after those that the token has had, and the token for more: the last name, so that nothing shifts."""
    told = query.get(size, str(PAGE))
    if not told.isdigit() or not 1 <= int(told) <= MOST_ON_A_PAGE:
        raise refuse(f"InvalidParameter.{size}", f"{size} is 1 to {MOST_ON_A_PAGE}")
    if token := query.get("NextToken"):
        try:
            last = base64.b64decode(token, validate=True).decode()
        except ValueError:
            raise refuse("InvalidParameter.NextToken", "the token is not valid") from None
        entries = [entry for entry in entries if entry[0] > last]
    most = int(told)
    more = base64.b64encode(entries[most - 1][0].encode()).decode() if len(entries) > most else ""
    return [row for _, row in entries[:most]], more
