"""Alibaba Cloud: its credentials, and its one tag API."""

from untag.providers.alibabacloud.tag import AlibabaTag

APIS = (AlibabaTag,)
