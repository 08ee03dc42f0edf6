"""AWS's IAM on this machine, as far as tags of roles and users go.

Envelopes, limits and codes are the model's (botocore 1.44.8, iam 2010-05-08). Resources stand in the tag table by their
ARNs, in the region that calls are signed for; a call names one by its name.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from local.providers.aws_service import AwsQueryService
from local.providers.faults import Tag, Verdict
from local.providers.server import Answer, Ask, Refusal
from local.providers.tag_table import Cause, Holding, Pair

MOST_TAGS = 50
PAGE = 100
_KEY = re.compile(r"[\w\s.:/=+\-@]{1,128}")
_VALUE = re.compile(r"[\w\s.:/=+\-@]{0,256}")
_OPERATION = re.compile(r"(Untag|Tag|List)(Role|User)(?:Tags)?")


class AwsIamServer(AwsQueryService):
    """`UntagRole`, `TagRole`, `ListRoleTags`, and the same of users."""

    name: ClassVar[str] = "aws-iam"
    api: ClassVar[str] = "aws.iam"
    service: ClassVar[str] = "iam"
    namespace: ClassVar[str] = "https://iam.amazonaws.com/doc/2010-05-08/"
    operations: ClassVar[Mapping[str, bool]] = {
        "UntagRole": True,
        "TagRole": True,
        "ListRoleTags": False,
        "UntagUser": True,
        "TagUser": True,
        "ListUserTags": False,
    }

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:  # noqa: ARG002 - all clouds'
        """Tag, untag, or read one role or user."""
        found = _OPERATION.fullmatch(ask.route.operation)
        verb, kind = (found[1], found[2]) if found else ("", "")
        holding = self._holding(ask, kind)
        operation, form = ask.route.operation, ask.body
        if verb == "List":
            return Answer(200, {f"{operation}Response": {f"{operation}Result": self._page(holding, form)}}), 0
        tags = _keys(self, form) if verb == "Untag" else _tags(self, form)
        applied = 0
        for key, value in tags:
            stored = next((name for name in holding.tags if name.lower() == key.lower()), key)
            if value is not None or stored in holding.tags:
                pair = Pair(ask.account, holding.region, holding.type, holding.id, stored, value or "")
                self.tags.change(cause, pair, value)
                applied += 1
        return Answer(200, {f"{operation}Response": {}}), applied

    def _holding(self, ask: Ask, kind: str) -> Holding:
        name, type_ = ask.body.get(f"{kind}Name", ""), f"iam:{kind.lower()}"
        for holding in self.tags.select(ask.account, ask.route.region):
            if holding.type == type_ and holding.id.rpartition("/")[2] == name:
                return holding
        message = f"The {kind.lower()} with name {name} cannot be found."
        raise Refusal(self.failure(404, "NoSuchEntity", message))

    def _page(self, holding: Holding, form: Mapping[str, str]) -> dict[str, Any]:
        size = int(form.get("MaxItems", str(PAGE)))
        rows = sorted((key, value) for key, value in holding.tags.items() if key > form.get("Marker", ""))
        page = {"IsTruncated": "true", "Marker": rows[size - 1][0]} if len(rows) > size else {"IsTruncated": "false"}
        return {**page, "Tags": [{"Key": key, "Value": value} for key, value in rows[:size]]}


def _members(form: Mapping[str, str], pattern: str) -> list[str]:
    """The values of numbered parameters, from 1 without a gap."""
    found: list[str] = []
    while (value := form.get(pattern.format(len(found) + 1))) is not None:
        found.append(value)
    return found


def _keys(server: AwsIamServer, form: Mapping[str, str]) -> list[Tag]:
    keys = _members(form, "TagKeys.member.{}")
    return _checked(server, [(key, None) for key in keys])


def _tags(server: AwsIamServer, form: Mapping[str, str]) -> list[Tag]:
    keys, values = _members(form, "Tags.member.{}.Key"), _members(form, "Tags.member.{}.Value")
    return _checked(server, list(zip(keys, values, strict=False)))


def _checked(server: AwsIamServer, tags: list[Tag]) -> list[Tag]:
    valid = all(_KEY.fullmatch(key) and _VALUE.fullmatch(value or "") for key, value in tags)
    if not 1 <= len(tags) <= MOST_TAGS or not valid:
        raise Refusal(server.failure(400, "ValidationError", "tags failed to satisfy the constraint"))
    if any(key.lower().startswith("aws:") for key, _ in tags):
        raise Refusal(server.failure(400, "InvalidInput", "keys that begin with aws: are reserved"))
    return tags
