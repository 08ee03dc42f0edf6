"""Bells lost or doubled, instances killed, minutes missed, stale listings, keys rotated: nothing is lost."""

import json
import random
from typing import Any

import pytest
from platform_support import NOW, Platform, request, stored

from untag.hosts.functiongraph.obs import Obs

REQUESTS = 40
POISON = 2


class Killed(BaseException):
    """The instance is gone, in the middle of whatever it did."""


class Trouble:
    """Kills an instance at one of its calls to OBS, now and then."""

    def __init__(self, platform: Platform, chance: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
        self.platform = platform
        self.chance = chance
        self.kill_at = -1
        self.poison: set[str] = set()
        call = Obs._call

        async def watched(obs: Obs, method: str, key: str, *arguments: Any, **named: Any) -> Any:
            self.kill_at -= 1
            if self.kill_at == 0:
                raise Killed
            response = await call(obs, method, key, *arguments, **named)
            if method == "GET" and any(key.endswith(poison) for poison in self.poison):
                raise Killed
            return response

        monkeypatch.setattr(Obs, "_call", watched)

    def invoke(self, handler: str, event: Any) -> None:
        self.kill_at = self.chance.randrange(1, 40) if self.chance.random() < 0.2 else -1
        try:
            self.platform.invoke(handler, event)
        except Killed:
            made = self.platform.index._process._made
            if made is not None:
                made[1].close()
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
    platform: Platform, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    trouble = Trouble(platform, random.Random(seed), monkeypatch)  # noqa: S311 - the same trouble each time
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
