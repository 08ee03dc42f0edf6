"""What a call to Huawei Cloud is signed with."""

from collections.abc import Mapping
from typing import ClassVar

from untag.providers.base import Session
from untag.providers.credentials import AccessKey, HeaderText


class HuaweiCloudCredentials(AccessKey):
    """An access key with the account's id (`domain_id`). `projects` maps a region to its project id."""

    variables: ClassVar[Mapping[str, str]] = {
        "access_key": "HUAWEICLOUD_SDK_AK",
        "secret_key": "HUAWEICLOUD_SDK_SK",
        "domain_id": "HUAWEICLOUD_SDK_DOMAIN_ID",
        "security_token": "HUAWEICLOUD_SDK_SECURITY_TOKEN",
    }
    settings: ClassVar[frozenset[str]] = frozenset({"rate", "projects"})

    domain_id: HeaderText
    """The account's id. Global services refuse a request without it."""
    """The account's id. Global services refuse a request without it."""
    projects: Mapping[str, str] = {}


HuaweiSession = Session[HuaweiCloudCredentials]
