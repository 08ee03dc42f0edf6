"""A day of work in less than a minute: requests, events and a sweep, and what goes wrong on such a day.

Each second stands for five minutes, the dashboard's period. What is sent and when the clouds misbehave is fixed, so
that one run looks much like the other.
"""

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.stack import Stack

SECONDS = 48
PROJECT = "5f0c2a9d8e7b46310f00c0de00000001"
_JDCLOUD, _TMS, _CONFIG = "jdcloud", "huaweicloud-tms", "huaweicloud-config"
_WAVE = (1, 2, 4, 6, 8, 9, 9, 8, 6, 4, 2, 1)
"""Requests in a second: a morning, a noon and an evening, four times over."""


class Workload:
    """Keeps a stack busy for `SECONDS`."""

    def __init__(self, stack: "Stack") -> None:
        self._stack = stack
        self._number = 0
        self._faults: dict[str, list[tuple[Any, Any]]] = {}
        self._outages = contextlib.ExitStack()
        clouds = stack.providers
        for cloud in clouds.values():
            # What the way to another continent takes, and now and then a slow answer.
            cloud.faults.add("delay", seconds=0.02)
            cloud.faults.add("delay", seconds=0.06, probability=0.1)
        self._changes: Mapping[int, Callable[[], object]] = {
            8: lambda: self._begin("busy", _JDCLOUD, "throttle", probability=0.6),
            14: lambda: self._end("busy"),
            18: lambda: self._begin("slow", _TMS, "delay", seconds=0.15),
            24: lambda: self._end("slow"),
            27: self._sweep,
            30: lambda: self._begin("down", _CONFIG, "unavailable"),
            33: lambda: self._end("down"),
            35: lambda: self._outages.enter_context(stack.outage("sns")),
            36: self._outages.close,
            45: lambda: self._begin("locked", _TMS, "unauthorized"),
        }
        clouds[_JDCLOUD].faults.add("partial", ids=("i-bad*",), message="the resource is being migrated")

    def run(self) -> None:
        """The whole, in real time; whoever waits sees how far it is."""
        began = time.monotonic()
        for second in range(SECONDS):
            self._changes.get(second, lambda: None)()
            for part in range(_WAVE[second % len(_WAVE)]):
                self._request(second, part)
            if second % 3 == 0:
                self._decommission()
            if second in {11, 29}:
                self._stack.send('{"provider": "jdcloud", "resources": "all of them"}', queue="WorkQueue")
            time.sleep(max(0.0, began + second + 1 - time.monotonic()))
            print(f"\r{second + 1} of {SECONDS} s", end="", flush=True)
        print()

    def _begin(self, name: str, cloud: str, do: str, **how: Any) -> None:
        faults = self._stack.providers[cloud].faults
        self._faults[name] = [(faults, faults.add(do, **how))]

    def _end(self, name: str) -> None:
        for faults, rule in self._faults.pop(name):
            faults.remove(rule)

    def _next(self, prefix: str) -> str:
        self._number += 1
        return f"{prefix}{self._number:05}"

    def _request(self, second: int, part: int) -> None:
        """One request; three of five for JD Cloud, the others for the two APIs of Huawei Cloud."""
        kind = (second + part) % 5
        if kind == 3:  # noqa: PLR2004 - see above
            self._ask("huaweicloud", "ecs", [self._seed(_TMS, PROJECT, "ecs", "ecs-")], project_id=PROJECT)
        elif kind == 4:  # noqa: PLR2004 - see above
            self._ask("huaweicloud", "config:policyAssignments", [self._seed(_CONFIG, "", "config:policyAssignments")])
        else:
            prefix = "i-bad" if second in {15, 30} and part == 0 else "i-"
            ids = [self._seed(_JDCLOUD, "cn-north-1", "vm", prefix) for _ in range(3)]
            gone = [f"{ids[0]}-gone"] if part == 1 else []
            self._ask("jdcloud", "vm", ids + gone, region="cn-north-1")

    def _seed(self, cloud: str, region: str, type_: str, prefix: str = "pa-") -> str:
        id_ = self._next(prefix)
        self._stack.providers[cloud].tags.put(region, type_, id_, "env", "staging")
        return id_

    def _ask(self, provider: str, type_: str, ids: list[str], **where: str) -> None:
        body = {
            "id": self._next("chg-"),
            "provider": provider,
            **where,
            "resources": [{"type": type_, "ids": ids}],
            "tags": [{"key": "env", "value": "staging"}],
        }
        self._stack.send(json.dumps(body), queue="WorkQueue")

    def _decommission(self) -> None:
        resources = [{"type": "vm", "ids": [self._seed(_JDCLOUD, "cn-north-1", "vm", "i-gone")]}]
        detail = {"provider": "jdcloud", "region": "cn-north-1", "resources": resources}
        event = {"source": "cmdb", "detail-type": "Resource Decommissioned", "id": self._next("evt-"), "detail": detail}
        self._stack.send(event)

    def _sweep(self) -> None:
        tags = self._stack.providers[_JDCLOUD].tags
        for number in range(20):
            tags.put("cn-north-1", "disk", f"vol-{number}", "expires-on", "2026-01-31")
        match = {"key": "expires-on", "value": {"expired": "%Y-%m-%d", "timezone": "Asia/Shanghai"}}
        rule = {"name": "expired", "provider": "jdcloud", "regions": ["cn-north-1"], "types": ["disk"], "match": match}
        self._stack.send(json.dumps({"id": self._next("sweep-"), "rules": [rule]}), queue="SweepQueue")
