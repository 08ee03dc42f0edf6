"""What is measured inside our own process: the core alone, records without their calls, a test authority, a profile.

`driver.py` imports it where it is asked for. It reaches into private parts, as nothing else may.
"""

import cProfile
import gc
import json
import os
import pstats
import ssl
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

Invoked = Callable[[Any, dict[str, Any]], dict[str, Any]]

_IDS_PER_JOB = 200
_TAGS_PER_JOB = 5
TOP = 14
"""Lines of a profile."""


def trust(app: Any, orders: dict[str, Any], _: Invoked) -> dict[str, Any]:
    """From now on an authority of our own is believed."""
    from untag.hosts.aws import LambdaFunction  # noqa: PLC0415
    from untag.removal import Remover  # noqa: PLC0415
    from untag.transport import Transport  # noqa: PLC0415

    transport = Transport(context=lambda: ssl.create_default_context(cafile=orders["authority"]))
    app.remove_tags = LambdaFunction(Remover, {**os.environ, **orders["environment"]}, transport=transport)
    return {}


def without_calls(app: Any, orders: dict[str, Any], invoked: Invoked) -> dict[str, Any]:
    """An invocation whose provider calls and calls of delivery cost nothing; everything else is as it is."""
    runtime = app.remove_tags.runtime
    members = "".join(f"<member><Id>{number}</Id></member>" for number in range(10))
    answer = ET.fromstring(f"<a><Successful>{members}</Successful></a>")  # noqa: S314 - our own text

    async def sns(_operation: str, _parameters: Any) -> ET.Element:
        return answer

    runtime.host.aws.sns = sns
    try:
        with _answered(runtime, orders["provider"], orders["keys"]):
            return invoked(app, orders)
    finally:
        del runtime.host.aws.sns


def sweep(app: Any, orders: dict[str, Any], _: Invoked) -> dict[str, Any]:
    """An invocation of the sweep function with what its queue holds."""
    from driver import Context  # type: ignore[import-not-found]  # noqa: PLC0415

    gc.collect()
    began, cpu = time.monotonic(), time.process_time()
    answer = app.handler(json.loads(orders["body"]), Context())
    return {
        "wall": time.monotonic() - began,
        "cpu": time.process_time() - cpu,
        "rss": _peak(),
        "continued": "continued" in answer,
        "answer": answer,
    }


def _peak() -> float:
    """Peak resident memory of this process in MB; getrusage's begins with what the parent held before exec."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1000


def parts(app: Any, orders: dict[str, Any], _: Invoked) -> dict[str, float]:
    """CPU seconds of what no record of `bodies` can do without, each part alone: the mean over all of them."""
    from untag.contracts import parse_requests  # noqa: PLC0415
    from untag.contracts.requests import RemovalRequest  # noqa: PLC0415
    from untag.core import Deadline, open_job, report  # noqa: PLC0415
    from untag.hosts.aws import logger  # noqa: PLC0415
    from untag.messages import report_message  # noqa: PLC0415

    runtime = app.remove_tags.runtime
    texts = orders["bodies"]
    bodies = [json.loads(text) for text in texts]
    jobs = [
        open_job(request, runtime.registry, runtime.engine.policy, now=0.0)
        for body in bodies
        for request in parse_requests(body, "p")
    ]
    keys = {tag["key"] for body in bodies for tag in body["tags"]}
    with _answered(runtime, "jdcloud", keys):
        runtime.run(runtime.engine.run(jobs, Deadline(lambda: 600.0, 1.0), lambda _: None))
    pages = [report(job, 0.0) for job in jobs]
    reports = [json.loads(report_message(page).body) for (page,) in pages]
    lines: list[tuple[str, dict[str, Any]]] = []

    def taken(message: str, extra: dict[str, Any]) -> None:
        lines.append((message, extra))

    # It goes before the class's method until it is deleted.
    logger.info = taken  # type: ignore[method-assign,assignment]
    for page in pages:
        runtime.telemetry.finished(page, "m-1")
    del logger.info
    runtime.telemetry.flush()
    encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))  # as reports are written
    return {
        "one JSON parse of its body": _each(json.loads, texts),
        "one validation of the request": _each(RemovalRequest.model_validate, bodies),
        "one JSON dump of its report": _each(encoder.encode, reports),
        "one line of the log": _each(lambda line: logger.info(line[0], extra=line[1]), lines),
    }


def _each(work: Callable[[Any], Any], items: list[Any]) -> float:
    """Mean CPU seconds of a piece of work over all items."""
    gc.collect()
    cpu = time.process_time()
    for item in items:
        work(item)
    return (time.process_time() - cpu) / len(items)


@contextmanager
def _answered(runtime: Any, name: str, keys: Iterable[str]) -> Iterator[None]:
    """While it lasts, a provider answers at once: every resource bears `keys`, and every write succeeds."""
    from untag.providers import Answer, Verdict  # noqa: PLC0415

    there = dict.fromkeys(keys, "prod")

    async def read(_session: Any, _scope: Any, ids: tuple[Any, ...]) -> Answer:
        return Answer(Verdict.DONE, request_id="r-1", tags={id_: dict(there) for id_ in ids})

    async def write(
        _session: Any, _action: Any, _scope: Any, ids: tuple[Any, ...], tags: tuple[Any, ...], *_seen: Any
    ) -> Answer:
        return Answer(Verdict.DONE, request_id="r-1", confirmed=len(ids) * len(tags))

    (provider,) = runtime.registry.tag_apis(name)
    provider.read, provider.write = read, write
    try:
        yield
    finally:
        del provider.read, provider.write


def profile(app: Any, orders: dict[str, Any], invoked: Invoked) -> dict[str, Any]:
    """An invocation under cProfile: where its own time goes."""
    profiler = cProfile.Profile()
    kind = without_calls if orders.get("alone") else lambda app, orders, invoked: invoked(app, orders)
    profiler.enable()
    kind(app, orders, invoked)
    profiler.disable()
    rows = []
    stats = pstats.Stats(profiler)
    for (file, _, name), (_, calls, own, whole, _) in stats.stats.items():  # type: ignore[attr-defined]
        rows.append({"file": _short(file), "name": name, "calls": calls, "own": own, "whole": whole})
    rows.sort(key=lambda row: -row["own"])
    return {"rows": rows[:TOP], "total": stats.total_tt}  # type: ignore[attr-defined]


def _short(file: str) -> str:
    """A file's name without the place where it lies on this machine."""
    for root in ("site-packages/", "layers/untag/python/", "lib/python"):
        head, found, tail = file.rpartition(root)
        if found:
            return tail.partition("/")[2] if root == "lib/python" else tail
        file = head or tail
    return file.rpartition("/")[2]


def growth(app: Any, orders: dict[str, Any], _: Invoked) -> dict[str, Any]:
    """So many pairs through the core with a provider that answers at once: CPU, and memory held afterwards.

    Time: opening jobs, planning, judging, settling, and the rows of each report. Memory: what tracemalloc counts for
    the jobs with their results, beside the requests that were there before; measured in a run of its own, since it
    slows everything down.
    """
    from untag.contracts import parse_requests  # noqa: PLC0415
    from untag.core import Deadline, open_job, report  # noqa: PLC0415

    runtime = app.remove_tags.runtime
    keys = [f"k{at}" for at in range(_TAGS_PER_JOB)]
    bodies = [
        {
            "id": f"g-{number}",
            "provider": "jdcloud",
            "region": "cn-north-1",
            "resources": [{"type": "vm", "ids": [f"i-{number}-{at}" for at in range(_IDS_PER_JOB)]}],
            "tags": [{"key": key, "value": "prod"} for key in keys],
        }
        for number in range(orders["pairs"] // (_IDS_PER_JOB * _TAGS_PER_JOB))
    ]
    requests = [request for body in bodies for request in parse_requests(body, "g")]
    del bodies
    if orders["memory"]:
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    cpu = time.process_time()
    jobs = [open_job(request, runtime.registry, runtime.engine.policy, now=0.0) for request in requests]
    with _answered(runtime, "jdcloud", keys):
        runtime.run(runtime.engine.run(jobs, Deadline(lambda: 600.0, 1.0), lambda _: None))
    held = tracemalloc.get_traced_memory()[0] - before
    rows = 0
    if not orders["memory"]:
        for job in jobs:
            rows += sum(len(page.outcomes) for page in report(job, 0.0))
    cpu = time.process_time() - cpu
    tracemalloc.stop()
    runtime.telemetry.flush()
    return {"cpu": cpu, "held": held, "pairs": sum(len(b.results) for job in jobs for b in job.blocks), "rows": rows}
