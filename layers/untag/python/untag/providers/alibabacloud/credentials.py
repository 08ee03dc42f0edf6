"""What a call to Alibaba Cloud is signed with."""

from collections.abc import Mapping
from typing import ClassVar

from untag.providers.base import Session
from untag.providers.credentials import AccessKey


class AlibabaCredentials(AccessKey):
    """An AccessKey pair, and the security token of temporary ones."""

    variables: ClassVar[Mapping[str, str]] = {
        "access_key": "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "secret_key": "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "security_token": "ALIBABA_CLOUD_SECURITY_TOKEN",
    }


AlibabaSession = Session[AlibabaCredentials]
