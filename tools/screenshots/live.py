"""A small job at the local stack: what an observer sees of it, with fixed times."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from local.live import Observer
from local.stack import Overrides, Stack

_PROJECT = "5f0c2a9d8e7b46310f00c0de00000001"
_NOON = datetime(2026, 11, 27, 12, 0).timestamp()  # noqa: DTZ001 - the picture has the clock of the machine it is made on
_SECONDS = 60.0
_CALL_MILLISECONDS = 4.0


def seen() -> dict[str, Any]:
    """What the live view has to show while requests are worked at."""
    overrides = Overrides(visibility_timeout=10, batching_window=0.1)
    with Stack(overrides=overrides, sink=lambda *_: None) as stack:
        observer = Observer(stack)
        jd, tms = stack.providers["jdcloud"], stack.providers["huaweicloud-tms"]
        for number in range(24):
            jd.tags.put("cn-north-1", "vm", f"i-{number}", "env", "staging")
        for number in range(8):
            tms.tags.put(_PROJECT, "ecs", f"ecs-{number}", "env", "staging")
        jd.faults.add("partial", ids=("i-7",), message="the resource is being migrated")
        for first in (0, 6, 12):
            _ask(stack, f"chg-20{first + 410}", "jdcloud", "vm", [f"i-{first + n}" for n in range(6)])
            stack.drain(_SECONDS)
        _ask(stack, "chg-20430", "huaweicloud", "ecs", [f"ecs-{n}" for n in range(8)], project_id=_PROJECT)
        stack.drain(_SECONDS)
        stack.send('{"id": "chg-20436", "provider": "jdcloud", "resources": "all of them"}', queue="WorkQueue")
        stack.drain(_SECONDS)
        later = (datetime.now(UTC) + timedelta(days=2)).isoformat(timespec="seconds")
        _ask(stack, "chg-20440", "jdcloud", "vm", ["i-18"], not_before=later)
        stack.drain(_SECONDS)
        jd.faults.add("unauthorized")
        _ask(stack, "chg-20450", "jdcloud", "vm", [f"i-{number}" for number in range(18, 24)])
        end = time.monotonic() + _SECONDS
        while not _only_waits(looked := observer.look()):
            if time.monotonic() > end:
                raise RuntimeError("the job does not come to the state of the picture")
            time.sleep(0.1)
        return _with_fixed_times(looked)


def _only_waits(looked: dict[str, Any]) -> bool:
    """Whether one message is delayed, one request is kept, and nothing is worked at."""
    return looked["waiting"]["count"] == 2 and not any(queue["in_flight"] for queue in looked["queues"])  # noqa: PLR2004


def _ask(stack: Stack, id_: str, provider: str, type_: str, ids: list[str], **fields: str) -> None:
    place = fields if provider == "huaweicloud" else {"region": "cn-north-1", **fields}
    resources = [{"type": type_, "ids": ids}]
    tags = [{"key": "env", "value": "staging"}]
    body = {"id": id_, "batch": "cleanup-2026-11", "provider": provider, **place, "resources": resources, "tags": tags}
    stack.send(json.dumps(body), queue="WorkQueue")


def _with_fixed_times(looked: dict[str, Any]) -> dict[str, Any]:
    """The same with times that do not depend on the moment, nor on the speed of the machine."""
    looked |= {"seconds": 94.0, "time": _NOON}
    for cloud in looked["providers"].values():
        cloud["rate"] = round(cloud["calls"] / 10, 1)
        for number, call in enumerate(cloud["recent"]):
            call |= {"time": _NOON - 20 + number / 2, "milliseconds": _CALL_MILLISECONDS}
    for number, one in enumerate(looked["waiting"]["next"]):
        one["due"] = _NOON + (252 if number == 0 else 172_790)
    for report in looked["reports"]["recent"]:
        report["summary"] = re.sub(r"kept until \S+", "kept until 2026-11-29T11:59:50Z", report["summary"])
    for function in looked["functions"].values():
        function["busy"] = 0
    return looked
