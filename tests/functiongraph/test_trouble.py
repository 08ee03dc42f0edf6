"""Bells lost or doubled, instances killed, minutes missed, stale listings, keys rotated: nothing is lost."""

import json
import random
from collections import Counter
from typing import Any

import httpx
import pytest
from platform_support import NOW, Platform, request, stored

from untag.transport import Transport

REQUESTS = 40
POISON = 2
KILLS = 2
NOW_AND_THEN = 0.2
CALLS = 40
"""An instance with work to do makes more calls to OBS than these."""


class Killed(BaseException):
    """The instance is gone, in the middle of whatever it did."""


class Deadly(httpx.AsyncBaseTransport):
    """A process's way out, on which its instance may be killed."""

    def __init__(self, trouble: "Trouble") -> None:
        self.trouble = trouble
        self.plain = Transport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.port != self.trouble.platform.obs.port:
            return await self.plain.handle_async_request(request)
        self.trouble.kill_at -= 1
        if self.trouble.kill_at == 0:
            self.trouble.kills[self.trouble.handler] += 1
            raise Killed
        response = await self.plain.handle_async_request(request)
        if request.method == "GET" and request.url.path.endswith(tuple(self.trouble.poison)):
            await response.aclose()
            raise Killed
        return response

    async def aclose(self) -> None:
        await self.plain.aclose()


class Trouble:
    """Kills an instance at one of its calls to OBS: of each function until it has hit twice, then now and then."""

    def __init__(self, platform: Platform, chance: random.Random) -> None:
        self.platform = platform
        self.chance = chance
        self.kill_at = -1
        self.handler = ""
        self.kills = Counter[str]()
        self.poison: set[str] = set()
        platform.transport = lambda: Deadly(self)
        platform.new_process()

    def invoke(self, handler: str, event: Any) -> None:
        self.handler = handler
        doomed = self.kills[handler] < KILLS or self.chance.random() < NOW_AND_THEN
        self.kill_at = self.chance.randrange(1, CALLS) if doomed else -1
        try:
            self.platform.invoke(handler, event)
        except Killed:
            self.platform.end()
            self.platform.new_process()
        self.kill_at = -1

    def minute(self) -> None:
        platform, chance = self.platform, self.chance
        platform.time += 60
        if chance.random() < 0.1:
            platform.agency.rotate()
            platform.agency.revoke()
        if chance.random() < 0.8:
            self.invoke("due", {"trigger_type": "TIMER"})
        bells, platform.functions.bells = platform.functions.bells, []
        for bell in bells:
            for _ in range(chance.choice((0, 1, 1, 1, 1, 2))):
                self.invoke(bell.function.removeprefix("untag-"), json.loads(bell.body))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_killed_or_lost_every_request_is_carried_out_and_only_poison_is_buried(
    platform: Platform, seed: int
) -> None:
    trouble = Trouble(platform, random.Random(seed))  # noqa: S311 - the same trouble each time
    platform.bucket.listing_lag = 30.0
    for number in range(REQUESTS):
        platform.jdcloud.tags.put("cn-north-1", "vm", f"i-{number}", "env", "prod")
        platform.bucket.put(f"work/{int(NOW)}-0-m{number:04}", stored(request(number)))
    for number in range(POISON):
        trouble.poison.add(f"-poison{number}")
        platform.bucket.put(f"work/{int(NOW)}-0-poison{number}", stored(request(1000 + number)))
    for _ in range(120):
        trouble.minute()
        if not platform.queued():
            break
    assert min(trouble.kills["due"], trouble.kills["remove"]) >= KILLS
    assert platform.queued() == []
    dead = platform.bucket.keys("dead/")
    assert {key.rpartition("/")[2] for key in dead if "/crash/" in key} >= {f"poison{n}" for n in range(POISON)}
    assert all("/crash/poison" in key for key in dead)
    left = [n for n in range(REQUESTS) if platform.jdcloud.tags.get("default", "cn-north-1", "vm", f"i-{n}")]
    assert left == []
    told = {row["resource_id"] for report in platform.reports for row in report["outcomes"]}
    assert told == {f"i-{number}" for number in range(REQUESTS)}
    removed = [
        row["resource_id"]
        for report in {report["report_id"]: report for report in platform.reports}.values()
        for row in report["outcomes"]
        if row["outcome"] == "removed"
    ]
    assert len(removed) == len(set(removed))
