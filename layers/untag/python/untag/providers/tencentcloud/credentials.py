"""What a call to Tencent Cloud is signed with."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from untag.contracts import InvalidInputError
from untag.providers.base import Session
from untag.providers.credentials import AccessKey, HeaderText

_UIN = re.compile(r"[0-9]{5,20}")


class TencentCredentials(AccessKey):
    """An access key. `account_id` is the owner's uin, if it is to be compared with the key's own."""

    variables: ClassVar[Mapping[str, str]] = {
        "access_key": "TENCENTCLOUD_SECRET_ID",
        "secret_key": "TENCENTCLOUD_SECRET_KEY",
        "security_token": "TENCENTCLOUD_TOKEN",
        "account_id": "TENCENTCLOUD_UIN",
    }
    settings: ClassVar[frozenset[str]] = frozenset({"rate", "account_id"})

    account_id: HeaderText | None = None

    @classmethod
    def parse(cls, fields: Any) -> Self:
        """The credentials in a JSON object. Raises InvalidInputError."""
        parsed = super().parse(fields)
        if parsed.account_id is not None and not _UIN.fullmatch(parsed.account_id):
            raise InvalidInputError.of("should be the owner's uin: 5 to 20 digits", "account_id")
        return parsed


TencentSession = Session[TencentCredentials]
