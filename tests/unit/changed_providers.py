"""Providers of the first two clouds, each with what a test needs of it: a house is given them in place of its own."""

from collections.abc import Callable
from typing import Any

from support import raising

from untag.contracts import Tag
from untag.providers import Answer, Scope, Session
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


def with_pages_of(
    rows: int, instead: Callable[[str | None], Answer | None] = lambda _: None
) -> list[type[HuaweiTms | HuaweiConfig]]:
    """Huawei Cloud's providers with so many resources in a page of a listing.

    `instead` is told the cursor of each page, and may have an answer in place of the cloud's.
    """

    def paged(kind: Any) -> Any:
        class Paged(kind):  # type: ignore[misc]
            page = rows

            async def find(self, session: Session, scope: Scope, tag: Tag, cursor: str | None) -> Answer:
                answer = instead(cursor)
                return await super().find(session, scope, tag, cursor) if answer is None else answer

        return Paged

    return [paged(HuaweiTms), paged(HuaweiConfig)]
