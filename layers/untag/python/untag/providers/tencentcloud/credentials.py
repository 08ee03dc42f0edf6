"""What a call to Tencent Cloud is signed with."""

from collections.abc import Mapping
from typing import ClassVar

from untag.providers.base import Session
from untag.providers.credentials import AccessKey, AccountNumber


class TencentCredentials(AccessKey):
    """An access key. `account_id` is the owner's uin, if it is to be compared with the key's own."""

    variables: ClassVar[Mapping[str, str]] = {
        "access_key": "TENCENTCLOUD_SECRET_ID",
        "secret_key": "TENCENTCLOUD_SECRET_KEY",
        "security_token": "TENCENTCLOUD_TOKEN",
        "account_id": "TENCENTCLOUD_UIN",
    }
    settings: ClassVar[frozenset[str]] = frozenset({"rate", "account_id"})

    account_id: AccountNumber | None = None


TencentSession = Session[TencentCredentials]
