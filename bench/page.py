"""docs/performance.md and its charts, out of what was measured."""

from collections.abc import Iterator
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.charts import Bar, bars, line
from bench.figures import LATENCY, RESOURCES
from bench.processes import WITHOUT_COLLECTIONS

MEGABYTE = 1_000_000
_PIECE = 20
"""Calls of a thousand JD messages, fifty resources a call."""


class Row(NamedTuple):
    """A target beside its figure."""

    name: str
    figure: str
    other: str
    target: str
    met: bool


class Page:
    """One run's results, as text."""

    def __init__(self, results: dict[str, Any]) -> None:
        self._results = results

    def mid(self, name: str, field: str = "") -> float:
        """A figure's median."""
        values = self._results[name]
        return float(median(value[field] for value in values) if field else median(values))

    def best(self, name: str, field: str) -> float:
        """A figure's least value: what it is when nobody else wants the machine."""
        return float(min(value[field] for value in self._results[name]))

    def rows(self) -> Iterator[Row]:
        """Every target."""
        yield from self._cold()
        own, sdk = self.mid("first own"), self.mid("first sdk")
        yield Row(
            "first invocation",
            f"{own:.2f} s, {own / sdk:.2f} x",
            f"{sdk:.2f} s",
            "<= 0.5 x the SDK path",
            own <= sdk / 2,
        )
        size = sum(self._results["package own"].values()) / MEGABYTE
        theirs = self._results["package sdk"] / MEGABYTE
        yield Row("package, zipped", f"{size:.2f} MB", f"{theirs:.1f} MB", "<= 5 MB", size <= 5.0)
        for version in self._results["versions"]:
            rss = self.mid(f"rss {version} own")
            theirs = self.mid(f"rss {version} sdk")
            yield Row(f"peak RSS after import, {version}", f"{rss:.1f} MB", f"{theirs:.1f} MB", "<= 45 MB", rss <= 45.0)
        yield from self._jdcloud()
        yield from self._huaweicloud()
        yield from self._cpu()
        yield from self._growth()
        yield from self._tls()

    def _cold(self) -> Iterator[Row]:
        for version in self._results["versions"]:
            own, sdk, floor = (self.mid(f"cold {version} {what}") for what in ("own", "sdk", "floor"))
            name = f"cold start, {version}"
            figure = f"{own * 1000:.0f} ms CPU"
            yield Row(
                name,
                f"{figure}, {own / sdk:.2f} x",
                f"{sdk * 1000:.0f} ms",
                "<= 0.45 x the SDK path",
                own <= 0.45 * sdk,
            )
            yield Row(
                name,
                f"{figure}, {own / floor:.2f} x",
                f"floor {floor * 1000:.0f} ms",
                "<= 2.0 x the floor",
                own <= 2 * floor,
            )

    def _jdcloud(self) -> Iterator[Row]:
        calls, theirs = self.mid("jd hundreds own", "calls"), self.mid("jd hundreds sdk", "calls")
        yield Row(
            "provider calls, 1,000 messages in batches of 100",
            f"{calls:,.0f}",
            f"{theirs:,.0f}",
            f"{_PIECE} calls",
            calls == _PIECE,
        )
        for name, field, times in (
            ("drain, JD, provider phase", "phase", 20),
            ("drain, JD, first invoke to last report", "first_to_last", 4),
        ):
            own, sdk = self.mid("jd own", field), self.mid("jd sdk", field)
            yield Row(
                name,
                f"{_ms(own)} (best {_ms(self.best('jd own', field))}), {sdk / own:.1f} x faster",
                f"{_ms(sdk)} (best {_ms(self.best('jd sdk', field))})",
                f">= {times} x faster",
                sdk >= times * own,
            )

    def _huaweicloud(self) -> Iterator[Row]:
        theirs = self.mid("huawei 100 sdk", "phase")
        for number, bound in ((32, 1.10), (100, 2.0)):
            ideal = ceil(RESOURCES / number) * LATENCY
            sdk = self.mid(f"huawei {number} sdk", "phase")
            for label, name, floor in (
                (f"huawei {number} own", "drain, Huawei Config", ideal),
                (f"huawei {number} reading", "the same, tags read first", 2 * ideal),
            ):
                own = self.mid(label, "phase")
                best = self.best(label, "phase")
                yield Row(
                    f"{name}, concurrency {number}",
                    f"{_ms(own)}, {own / floor:.2f} x (best {_ms(best)}, {best / floor:.2f} x)",
                    f"{_ms(sdk)} (best {_ms(self.best(f'huawei {number} sdk', 'phase'))})",
                    f"<= {bound:.2f} x of {_ms(floor)}",
                    own <= bound * floor,
                )
        for number in (32, 100):
            own = self.mid(f"huawei {number} own", "phase")
            yield Row(
                f"the same against 100 SDK threads, concurrency {number}",
                f"{theirs / own:.2f} x faster",
                _ms(theirs),
                ">= 2 x faster",
                theirs >= 2 * own,
            )

    def _cpu(self) -> Iterator[Row]:
        for number in (32, 100):
            own = self.mid(f"huawei {number} own", "cpu") / RESOURCES * 1e6
            sdk = self.mid(f"huawei {number} sdk", "cpu") / RESOURCES * 1e6
            yield Row(
                f"CPU of a provider call, concurrency {number}",
                f"{own:.0f} us",
                f"{sdk:.0f} us",
                "<= 1,000 us, and below the SDK's",
                own <= min(1000.0, sdk),
            )
        own, sdk = (self.mid(f"pairs {side}", "cpu") / 2500 * 1e6 for side in ("own", "sdk"))
        yield Row(
            "CPU of a pair, JD, 50 ids x 5 tags a call", f"{own:.1f} us", f"{sdk:.1f} us", "<= 50 us", own <= 50.0
        )
        record = self.mid("records") * 1e6
        yield Row("many small records, CPU of each", f"{record:.0f} us", "", "<= 250 us", record <= 250.0)

    def sizes(self) -> list[int]:
        """The numbers of pairs that were measured."""
        return [int(name.split()[1]) for name in self._results if name.startswith("growth ")]

    def _growth(self) -> Iterator[Row]:
        each = [self.mid(f"growth {pairs}") * 1e6 for pairs in self.sizes()]
        yield Row(
            "growth, CPU of a pair, " + " / ".join(f"{pairs:,}" for pairs in self.sizes()),
            " / ".join(f"{value:.1f}" for value in each) + f" us, {max(each) / min(each):.2f} x apart",
            "",
            "within 1.3 x",
            max(each) <= 1.3 * min(each),
        )
        held = [self._results[f"held {pairs}"][0] for pairs in self.sizes()]
        yield Row(
            "memory held for a pair",
            " / ".join(f"{value:.0f}" for value in held) + " bytes",
            "",
            "<= 150 bytes",
            max(held) <= 150.0,
        )

    def _tls(self) -> Iterator[Row]:
        plain, secure = self.mid("huawei 32 own", "phase"), self.mid("huawei 32 tls", "phase")
        yield Row(
            "TLS, the Huawei drain at concurrency 32",
            f"{_ms(secure)}, {secure / plain:.2f} x of the plain one",
            "",
            "<= 1.25 x",
            secure <= 1.25 * plain,
        )
        opened = [int(one["connections"]) for one in self._results["huawei 32 tls"]]
        yield Row(
            "TLS connections opened, run after run",
            ", ".join(map(str, opened)),
            "",
            "<= 32 together, kept between invocations",
            sum(opened) <= 32,
        )

    # What stands on the page

    def text(self) -> str:
        """The page."""
        rows = list(self.rows())
        missed = [row for row in rows if not row.met]
        table = ["| figure | untag | SDK path | target | met |", "|---|---|---|---|---|"]
        table += [
            f"| {row.name} | {row.figure} | {row.other} | {row.target} | {'yes' if row.met else '**no**'} |"
            for row in rows
        ]
        return "\n".join(
            [
                _HEAD.strip(),
                "",
                self._where(),
                "",
                f"{len(rows) - len(missed)} of {len(rows)} targets met.",
                "",
                *table,
                "",
                "![Cold start](img/cold-start.svg)",
                "![Drain](img/drain.svg)",
                "![Growth](img/growth.svg)",
                "",
                *self._left(missed),
                _HOW.strip(),
                "",
            ]
        )

    def _where(self) -> str:
        machine = self._results["machine"]
        again = f" ({self._results['again']})" if "again" in self._results else ""
        return (
            f"Measured on {machine['day']}{' (quick)' if machine['quick'] else ''} in {machine['seconds']} s{again}: "
            f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}; CPython "
            f"{' and '.join(self._results['versions'])}; load average {machine['load']}. Figures are medians; where "
            "other work shares the cores, trust ratios and CPU times more than wall times: a single thread gets a "
            "smaller share of a busy machine than a hundred of them. So the best run stands beside."
        )

    def _left(self, missed: list[Row]) -> Iterator[str]:
        yield "## What is left"
        yield ""
        servers = self.mid("huawei 100 own", "servers") / RESOURCES * 1e6
        own = self.mid("huawei 100 own", "cpu") / RESOURCES * 1e6
        wide = max(own, servers)
        yield (
            f"A call costs {own:.0f} us of CPU here and {servers:.0f} us in the local server, each on one core. So a "
            f"thousand calls take {wide:.0f} ms of one core at the least, whatever the concurrency: "
            f"{wide / 500:.2f} x of the 500 ms that a hundred at a time would take with nothing to do."
        )
        yield ""
        if any(row.name.startswith("the same against 100 SDK threads, concurrency 32") for row in missed):
            own, sdk, many = (self.mid(f"huawei {side}", "phase") for side in ("32 own", "32 sdk", "100 sdk"))
            yield (
                f"With 32 calls in flight a thousand calls of {_ms(LATENCY)} take {_ms(ceil(RESOURCES / 32) * LATENCY)}"
                f" if nothing else costs time, and 100 SDK threads take {_ms(many)}: 32 in flight cannot be "
                f"twice as fast as 100 with any client. Against 32 SDK threads it is {sdk / own:.2f} x."
            )
            yield ""
        if any(row.name.startswith("cold start") for row in missed):
            yield from self._imports()
        for kind, told in (
            ("drain", "the Huawei drain at concurrency 100"),
            ("jd", "1,000 small JD messages in one batch, with delivery"),
            ("records", "the same without provider calls and calls of delivery"),
        ):
            yield from self._profile(kind, told)

    def _imports(self) -> Iterator[str]:
        version = self._results["versions"][-1]
        yield f"Cold start by what is imported ({version}, `-X importtime`, which slows it down by about a half):"
        yield ""
        yield "| module or package | ms of its own |"
        yield "|---|---|"
        for name, spent in self._results["imports"]:
            yield f"| {name} | {spent:.0f} |"
        yield ""
        floor = self.mid(f"cold {version} floor") * 1000
        whole = self.mid(f"cold {version} own") * 1000
        yield f"CPU of fresh processes that import a piece each ({version}):"
        yield ""
        yield "| piece | ms | x of the floor |"
        yield "|---|---|---|"
        pieces = {name.partition(" ")[2]: self.mid(name) * 1000 for name in self._results if name.startswith("piece ")}
        for name, spent in pieces.items():
            yield f"| {name} | {spent:.0f} | {spent / floor:.2f} |"
        yield f"| the function, ready | {whole:.0f} | {whole / floor:.2f} |"
        yield ""
        together = pieces[WITHOUT_COLLECTIONS]
        yield (
            f"The limit that stops it: httpx, pydantic, powertools and a TLS context cost {together:.0f} ms by "
            f"themselves, {together / floor:.2f} x of the floor, before a line of untag is read. What untag adds is "
            f"{whole - together:.0f} ms, most of it building validators and the classes of its own values. To come "
            "below that, pydantic would have to be imported after the start, at the first message: the same work, paid "
            "for by the first invocation."
        )
        yield ""

    def _profile(self, kind: str, told: str) -> Iterator[str]:
        found = self._results[f"profile {kind}"]
        yield f"Own time in {told} (cProfile, {found['total']:.2f} s together under it):"
        yield ""
        yield "| function | calls | ms | share |"
        yield "|---|---|---|---|"
        for row in found["rows"]:
            name = row["name"] if row["file"] == "~" else f"{row['file']}: {row['name']}"
            yield f"| `{name}` | {row['calls']:,} | {row['own'] * 1000:.0f} | {row['own'] / found['total']:.0%} |"
        yield ""

    def charts(self) -> Iterator[tuple[str, str]]:
        """Names and contents."""
        whose = {"own": "untag", "sdk": "SDK path", "floor": "floor"}
        cold = [
            Bar(f"{name}, {version}", self.mid(f"cold {version} {side}") * 1000, side)
            for version in self._results["versions"]
            for side, name in whose.items()
        ]
        yield "cold-start", bars("Cold start: CPU of a fresh process, ready for its first call", "ms", cold)
        drains = [Bar("JD, 1,000 messages, untag", self.mid("jd own", "first_to_last"), "own")]
        drains += [Bar("JD, 1,000 messages, SDK path", self.mid("jd sdk", "first_to_last"), "sdk")]
        for number in (32, 100):
            drains += [
                Bar(f"Huawei, {number} in flight, ideal", ceil(RESOURCES / number) * LATENCY, "floor"),
                Bar(f"Huawei, {number} in flight, untag", self.mid(f"huawei {number} own", "phase"), "own"),
                Bar(f"Huawei, {number} threads, SDK path", self.mid(f"huawei {number} sdk", "phase"), "sdk"),
            ]
        yield "drain", bars("Drain: 1,000 resources, 50 ms a call", "s", drains)
        points = [(pairs, self.mid(f"growth {pairs}") * 1e6) for pairs in self.sizes()]
        yield "growth", line("Growth: CPU of a pair in the core, us", "pairs of resource and tag in one run", points)


_HEAD = """
# Performance

Written by `make bench`: untag and the same function on the vendors' SDKs ("the SDK path": jdcloud_sdk,
huaweicloudsdkconfig, boto3, powertools, pydantic; `bench/sdk/app.py`) do the same work in turn, A B A B, against the
same local servers in a process of their own.
"""

_HOW = """
## How it is measured

- Cold start: CPU seconds of a fresh process that imports the function, makes its clients and a TLS context with its
  certificates. Floor: asyncio, a TLS context, hmac, dataclasses and logging. Bytecode is there for both sides.
- First invocation: wall time from the start of a process under the real runtime client to the first report taken by
  the local SNS, one JD message, no provider latency, no TLS.
- Package: zip of both layers and the function; for the SDK path its packages without bytecode, installer and runtime
  client.
- Drains: the provider phase runs from the arrival of the first call at the local cloud to the answer of its last,
  told by the cloud. Each call takes 50 ms there, the signature is checked and the tag is removed for real. Processes
  are warm, keys proved, connections kept from run to run. `UNTAG_RATE` is set so high that no pace holds a call back.
  SNS is a stand-in that answers at once.
- CPU of a call: all CPU of the invocation, with parsing, signing, outcomes and the report, over the number of calls.
- CPU of a pair: the same over ten messages of 50 ids and 5 tags each, over 2,500 pairs.
- Growth: the core with a provider that answers at once: jobs, plan, judgement, results and the rows of every report.
  Memory held is what tracemalloc counts for all jobs with their results, beside the requests that are there before.
- Many small records: one batch of 1,000, with provider and SNS answered inside the process.
- TLS: the local server with a certificate of an authority made for the run.

The SDK path does less: it neither groups messages, nor retries, nor reads back, nor keeps a pace.
"""


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


def write(results: dict[str, Any], docs: Path) -> str:
    """Write the page and its charts; the table for whoever waits."""
    page = Page(results)
    (docs / "img").mkdir(parents=True, exist_ok=True)
    (docs / "performance.md").write_text(page.text(), encoding="utf-8")
    for name, chart in page.charts():
        (docs / "img" / f"{name}.svg").write_text(chart, encoding="utf-8")
    width = max(len(row.name) for row in page.rows())
    return "\n".join(
        f"{'met ' if row.met else 'MISS'}  {row.name:{width}}  {row.figure}  ({row.target})" for row in page.rows()
    )
