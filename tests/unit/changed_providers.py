"""Providers of the first two clouds, each with what a test needs of it: a house is given them in place of its own."""

from typing import Any

from support import raising

from untag.providers import Provider
from untag.providers.huaweicloud.config import HuaweiConfig
from untag.providers.huaweicloud.tms import HuaweiTms
from untag.providers.jdcloud.resourcetag import JDCloud


class CaselessJDCloud(JDCloud):
    """JD Cloud, were its keys the same in any case."""

    def comparable_key(self, key: str) -> str:
        return key.lower()


def with_a_bug_in(method: str) -> type[JDCloud]:
    """JD Cloud's provider with a bug in one of its methods."""
    return type("JDCloudWithABug", (JDCloud,), {method: raising})


def with_listings_of(size: int) -> type[JDCloud]:
    """JD Cloud's provider with room for so many bytes of a listing."""

    class Small(JDCloud):
        def __init__(self, endpoint: str, **more: Any) -> None:
            super().__init__(endpoint, **more, listing_bytes=size)

    return Small


def with_pages_of(rows: int) -> list[type[Provider]]:
    """Huawei Cloud's providers with so many resources in a page of a listing."""
    return [type(f"{kind.__name__}InPages", (kind,), {"page": rows}) for kind in (HuaweiTms, HuaweiConfig)]
