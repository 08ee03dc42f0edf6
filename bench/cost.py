"""What a million pairs cost on AWS: what is billed is counted in a run of some thousand pairs, and multiplied.

The functions run as in their Lambda environments, with the template's memory sizes, batch size and number of
environments, and at the cloud's usual pace, since waiting for it is billed. Each provider call takes 50 ms. Counted
are invocations, their billed time, calls to the queues and to the topic by 64 KB, and the bytes of the log. Not counted
are the free tier and what costs the same whatever is done: alarms, metrics, the polling of an empty queue, stored logs.
"""

from collections.abc import Iterable
from dataclasses import replace
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from samtranslator.yaml_helper import yaml_parse

from bench.clouds import SWEEP_QUEUE
from bench.driver import bodies
from bench.processes import ROOT, Driver
from bench.sweep import EXPIRED, TAGS, swept

if TYPE_CHECKING:
    from bench.figures import Bench

LATENCY = 0.05
MILLION = 1_000_000


class Price(NamedTuple):
    """What a unit costs in US dollars, and the unit in words."""

    dollars: float
    unit: str


PRICES_FROM = "2026-11-27"
PRICES_OF = "US East (N. Virginia)"
PRICES = {
    "Lambda requests": Price(0.20 / MILLION, "$0.20 for a million"),
    "Lambda time": Price(0.0000133334, "$0.0000133334 for a GB-second on arm64"),
    "SQS requests": Price(0.40 / MILLION, "$0.40 for a million of 64 KB"),
    "SNS requests": Price(0.50 / MILLION, "$0.50 for a million of 64 KB; delivery to SQS and Lambda is free"),
    "logs": Price(0.50 / 1e9, "$0.50 for a GB taken in by CloudWatch Logs"),
}
"""List prices of the first tier, without the free tier. They were taken from guides that quote AWS's price pages:
cloudchipr.com for Lambda (2024), cloudburn.io for SQS (March 2026), factualminds.com for SNS (June 2026), c3x.dev for
CloudWatch Logs (standard class, June 2026)."""

_CHUNK = 64 * 1024
_CALL = 10
"""Messages in one call to a queue: senders are taken to send so many, and Lambda receives and deletes so many."""
_CORE_MEGABYTES = 1769
"""The memory with which a function has one core; with less it has that part of one."""


class Functions(NamedTuple):
    """What the template says: megabytes of the functions, messages in a batch of the work queue, and environments that
    share an account's pace.
    """

    remove: int
    sweep: int
    batch: int
    environments: int


def functions() -> Functions:
    """Out of the template."""
    template = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    usual = template["Globals"]["Function"]["MemorySize"]
    remove, sweep = (template["Resources"][name]["Properties"] for name in ("RemoveTagsFunction", "SweepFunction"))
    batch = remove["Events"]["WorkQueue"]["Properties"]["BatchSize"]
    environments = template["Parameters"]["MaximumConcurrency"]["Default"]
    return Functions(remove.get("MemorySize", usual), sweep.get("MemorySize", usual), batch, environments)


def billed_seconds(wall: float, cpu: float, megabytes: int) -> float:
    """The billed time of an invocation that took so long here, on a whole core: by the millisecond, rounded up.

    Lambda gives a function the part of a core that its memory buys, so its CPU time takes longer there.
    """
    return ceil((wall + cpu * (max(1.0, _CORE_MEGABYTES / megabytes) - 1.0)) * 1000) / 1000


def chunks(sizes: Iterable[int]) -> int:
    """Billed requests of calls that carry so many bytes each."""
    return sum(max(1, ceil(size / _CHUNK)) for size in sizes)


def queued(messages: list[str]) -> int:
    """Billed requests that carry messages through a queue once they are sent: they are received, and deleted."""
    calls = [messages[start : start + _CALL] for start in range(0, len(messages), _CALL)]
    return chunks(sum(len(body.encode()) for body in call) for call in calls) + len(calls)


def measure(bench: "Bench") -> None:
    """Three kinds of work: a pair in each message, many in each, and a sweep with the removals that it asks for."""
    many = 1 if bench.quick else 4
    keys = [f"k{number}" for number in range(5)]
    shapes = {
        "1 pair a message": {"messages": 500 * many, "per": 1, "keys": ["env"]},
        "50 ids x 5 tags a message": {"messages": 25 * many, "per": 50, "keys": keys},
    }
    with TemporaryDirectory(prefix="untag-bench-") as name:
        run = _Run(bench, Path(name))
        costs = {label: run.messages(shape) for label, shape in shapes.items()}
        costs["a sweep, and what it asks for"] = run.sweep(5000 * many)
        run.close()
    bench.results["cost"] = costs


class _Run:
    """The two functions, each in its process."""

    def __init__(self, bench: "Bench", folder: Path) -> None:
        self._bench = bench
        self._functions = functions()
        self._logs = [folder / "remove.log", folder / "sweep.log"]
        side = bench.pairs[-1][0]
        environ = {
            **bench.environment,
            "UNTAG_SWEEP_QUEUE_URL": SWEEP_QUEUE,
            "UNTAG_ENVIRONMENTS": str(self._functions.environments),
        }
        del environ["UNTAG_RATE"]
        self._remove = Driver(side, environ, self._logs[0])
        self._sweep = Driver(replace(side, app=ROOT / "functions" / "sweep"), environ, self._logs[1])
        self.messages({"messages": 100, "per": 1, "keys": ["env"]})  # warm
        swept(bench, self._sweep, 1000, paging=False)

    def close(self) -> None:
        """End the processes."""
        self._remove.close()
        self._sweep.close()

    def messages(self, shape: dict[str, Any]) -> dict[str, float]:
        """Messages that a sender puts into the work queue."""
        orders = self._bench.orders("jdcloud", **shape, size=self._functions.batch)
        self._bench.prepare(orders, latency=LATENCY)
        log = self._log_bytes()
        total = self._removed(orders)
        texts = bodies(orders)
        sent = chunks(
            sum(len(body.encode()) for body in texts[start : start + _CALL]) for start in range(0, len(texts), _CALL)
        )
        _, sizes = self._bench.clouds.sent()
        return total | {
            "pairs": shape["messages"] * shape["per"] * len(shape["keys"]),
            "SQS requests": sent + queued(texts) + chunks(sizes["sqs"]),
            "SNS requests": chunks(sizes["sns"]),
            "logs": self._log_bytes() - log,
        }

    def sweep(self, resources: int) -> dict[str, float]:
        """A sweep, and the messages that it sends, removed."""
        log = self._log_bytes()
        found = swept(self._bench, self._sweep, resources, LATENCY, paging=False)
        if found["missed"] or found["wrong"] or found["errors"]:
            raise RuntimeError(f"cost: the sweep missed {found['missed']} pairs: {found['errors']}")
        texts, _ = self._bench.clouds.sent()
        orders = self._bench.orders("jdcloud", messages=len(texts), per=0, keys=[], size=self._functions.batch)
        total = self._removed({**orders, "bodies": texts})
        _, sizes = self._bench.clouds.sent()
        seconds = sum(billed_seconds(wall, cpu, self._functions.sweep) for wall, cpu in found["each"])
        invocations = len(found["each"])
        return {
            "pairs": resources * EXPIRED // len(TAGS),
            "Lambda requests": total["Lambda requests"] + invocations,
            "Lambda time": total["Lambda time"] + seconds * self._functions.sweep / 1024,
            "provider calls": total["provider calls"],
            # The first message of a sweep is the scheduler's own call; each further one is sent, received and deleted.
            "SQS requests": queued(texts) + chunks(sizes["sqs"]) + 2 * (invocations - 1),
            "SNS requests": chunks(sizes["sns"]),
            "logs": self._log_bytes() - log,
        }

    def _removed(self, orders: dict[str, Any]) -> dict[str, float]:
        answer = self._remove.ask(**orders)
        seen = self._bench.clouds.measured("jdcloud")
        if answer["failed"] or seen.failed:
            raise RuntimeError(f"cost: {answer['failed']} records and {seen.failed} calls failed")
        seconds = sum(billed_seconds(wall, cpu, self._functions.remove) for wall, cpu in answer["each"])
        return {
            "Lambda requests": len(answer["each"]),
            "Lambda time": seconds * self._functions.remove / 1024,
            "provider calls": seen.calls,
        }

    def _log_bytes(self) -> int:
        return sum(path.stat().st_size for path in self._logs)


def for_a_million(counts: dict[str, float]) -> dict[str, float]:
    """The same counts for a million pairs, in proportion."""
    return {name: value * MILLION / counts["pairs"] for name, value in counts.items()}


def dollars(counts: dict[str, float]) -> dict[str, float]:
    """What each of the billed things costs."""
    return {name: counts[name] * price.dollars for name, price in PRICES.items()}
