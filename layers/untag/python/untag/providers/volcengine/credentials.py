"""What a call to Volcengine is signed with."""

from collections.abc import Mapping
from typing import ClassVar

from untag.providers.base import Session
from untag.providers.credentials import AccessKey, AccountNumber


class VolcengineCredentials(AccessKey):
    """An access key. `account_id` is the account's number, if it is to be compared with the key's own."""

    variables: ClassVar[Mapping[str, str]] = {
        "access_key": "VOLCENGINE_ACCESS_KEY",
        "secret_key": "VOLCENGINE_SECRET_KEY",
        "security_token": "VOLCENGINE_SESSION_TOKEN",
        "account_id": "VOLCENGINE_ACCOUNT_ID",
    }

    account_id: AccountNumber | None = None


VolcengineSession = Session[VolcengineCredentials]
