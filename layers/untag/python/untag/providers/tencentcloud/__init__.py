"""Tencent Cloud: its credentials, and its one tag API, `tag`."""

from untag.providers.tencentcloud.tag import TencentTag

APIS = (TencentTag,)
