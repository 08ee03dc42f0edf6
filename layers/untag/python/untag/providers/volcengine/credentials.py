"""What a call to Volcengine is signed with."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, StringConstraints

from untag.providers.base import Session
from untag.providers.credentials import AccessKey


def _text(value: Any) -> Any:
    # The number of an account is often written as a number.
    return str(value) if type(value) is int else value


class VolcengineCredentials(AccessKey):
    """An access key. `account_id` is the account's number, if it is to be compared with the key's own."""

    variables: ClassVar[Mapping[str, str]] = {
        "access_key": "VOLCENGINE_ACCESS_KEY",
        "secret_key": "VOLCENGINE_SECRET_KEY",
        "security_token": "VOLCENGINE_SESSION_TOKEN",
        "account_id": "VOLCENGINE_ACCOUNT_ID",
    }

    account_id: Annotated[str | None, BeforeValidator(_text), StringConstraints(pattern=r"^[0-9]{1,20}$")] = None


VolcengineSession = Session[VolcengineCredentials]
