"""What a call to JD Cloud is signed with."""

from collections.abc import Mapping
from typing import ClassVar

from untag.providers.base import Session
from untag.providers.credentials import AccessKey


class JDCloudCredentials(AccessKey):
    """An access key."""

    variables: ClassVar[Mapping[str, str]] = {
        "access_key": "JDCLOUD_ACCESS_KEY",
        "secret_key": "JDCLOUD_SECRET_KEY",
    }


JDSession = Session[JDCloudCredentials]
