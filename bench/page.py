"""docs/performance.md and its charts, out of what was measured."""

from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

from bench.charts import Bar, bars, stacks
from bench.cost import PRICES, PRICES_FROM, PRICES_OF, dollars, for_a_million, functions
from bench.figures import LATENCY, RESOURCES
from bench.processes import WITHOUT_COLLECTIONS
from bench.targets import MEGABYTE, Row, Targets, milliseconds


class Page(Targets):
    """The results as text and charts."""

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
                *self._cost(),
                *self._left(missed),
                _HOW.strip(),
                "",
            ]
        )

    def _where(self) -> str:
        machine = self.results["machine"]
        parts = ", ".join(self.results.get("again", ()))
        again = f" ({parts} measured again on their own)" if parts else ""
        return (
            f"Measured on {machine['day']}{' (quick)' if machine['quick'] else ''} in {machine['seconds']} s{again}: "
            f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}; CPython "
            f"{' and '.join(self.results['versions'])}; load average {machine['load']}. Figures are medians; where "
            "other work shares the cores, trust ratios and CPU times more than wall times: on a busy machine "
            "one thread gets less time than a hundred. So the best run is shown, too."
        )

    def _cost(self) -> Iterator[str]:
        yield "## What a million pairs cost on AWS"
        yield ""
        yield "![Cost](img/cost.svg)"
        yield ""
        heads = ("work", "pairs counted", "Lambda requests", "GB-seconds", "SQS requests", "SNS requests", "log")
        yield f"| {' | '.join(heads)} | provider calls | cost |"
        yield "|---" * (len(heads) + 2) + "|"
        for label, counted in self.results["cost"].items():
            counts = for_a_million(counted)
            numbers = (counts[name] for name in ("Lambda requests", "Lambda time", "SQS requests", "SNS requests"))
            cells = " | ".join(f"{number:,.0f}" for number in numbers)
            yield (
                f"| {label} | {counted['pairs']:,.0f} | {cells} | {counts['logs'] / MEGABYTE:,.0f} MB | "
                f"{counts['provider calls']:,.0f} | ${sum(dollars(counts).values()):,.2f} |"
            )
        yield ""
        sizes = functions()
        yield (
            "Everything but the pairs counted is for 1,000,000 pairs, in proportion to those that were counted. The "
            f"function that removes has {sizes.remove:,} MB, the one that sweeps {sizes.sweep:,} MB, and the work "
            f"queue's batches have up to {sizes.batch} messages. Calls go to JD Cloud, take 50 ms each, and keep the "
            f"pace of one of {sizes.environments} environments: waiting for it is billed. Tags are read before they "
            "are removed."
        )
        yield ""
        yield f"List prices of {PRICES_OF}, looked up on {PRICES_FROM}, without the free tier:"
        yield ""
        yield "| billed | price |"
        yield "|---|---|"
        for name, price in PRICES.items():
            yield f"| {name} | {price.unit} |"
        yield ""

    def _left(self, missed: list[Row]) -> Iterator[str]:
        yield "## What is left"
        yield ""
        servers = self.mid("huawei 100 own", "servers") / RESOURCES * 1e6
        own = self.mid("huawei 100 own", "cpu") / RESOURCES * 1e6
        wide = max(own, servers)
        yield (
            f"A call costs {own:.0f} us of CPU here and {servers:.0f} us in the local server, each on one core: the "
            f"medians of this run. So a thousand calls take about {wide:.0f} ms of one core, whatever the concurrency: "
            f"{wide / 500:.2f} x of the 500 ms that a hundred at a time would take with nothing to do."
        )
        yield ""
        own, sdk, many = (self.mid(f"huawei {side}", "phase") for side in ("32 own", "32 sdk", "100 sdk"))
        least = ceil(RESOURCES / 32) * LATENCY
        if any("SDK threads, concurrency 32" in row.name for row in missed) and many < 2 * least:
            yield (
                f"With 32 calls in flight a thousand calls of {milliseconds(LATENCY)} take "
                f"{milliseconds(least)} if nothing else costs time, and 100 SDK threads "
                f"take {milliseconds(many)}: 32 in flight cannot be twice as fast as 100 with any client. Against 32 "
                f"SDK threads it is {sdk / own:.2f} x."
            )
            yield ""
        yield from self._record()
        yield from self._memory()
        if any(row.name.startswith("cold start") for row in missed):
            yield from self._imports()
        for kind, told in (
            ("drain", "the Huawei drain at concurrency 100"),
            ("jd", "1,000 small JD messages in one batch, with delivery"),
            ("records", "the same without provider calls and calls of delivery"),
        ):
            yield from self._profile(kind, told)

    def _record(self) -> Iterator[str]:
        whole, parts = self.mid("records") * 1e6, self.parts()
        yield "CPU of a small record, and of its parts alone in the same process:"
        yield ""
        yield "| part | us | share of the record |"
        yield "|---|---|---|"
        for name, spent in parts.items():
            yield f"| {name} | {spent:.1f} | {spent / whole:.0%} |"
        yield f"| everything else | {whole - sum(parts.values()):.1f} | {1 - sum(parts.values()) / whole:.0%} |"
        yield ""

    def _memory(self) -> Iterator[str]:
        yield "Peak memory of the processes, and what a command costs before it has anything to do:"
        yield ""
        yield "| process | MB at most |"
        yield "|---|---|"
        for name in sorted(name for name in self.results if name.startswith("here rss ")):
            _, _, command, pairs = name.split()
            yield f"| `untag {command}` of {int(pairs):,} pairs | {self.mid(name):.0f} |"
        for name in self.results:
            if name.startswith("sweep "):
                run = self.results[name]
                size = int(name.removeprefix("sweep "))
                times = f"{run['invocations']:.0f} invocation(s), {run['wall']:.0f} s"
                yield f"| the sweep function, {size:,} resources, {times} | {run['peak']:.0f} |"
        yield ""
        starts = " and ".join(
            f"`untag {name}` {milliseconds(self.mid(f'here start {name}'))}" for name in ("plan", "apply")
        )
        yield f"With a hundred pairs: {starts} of CPU."
        yield ""

    def _imports(self) -> Iterator[str]:
        version = self.results["versions"][-1]
        yield f"Cold start by what is imported ({version}, `-X importtime`, which slows it down by about a half):"
        yield ""
        yield "| module or package | ms of its own |"
        yield "|---|---|"
        for name, spent in self.results["imports"]:
            yield f"| {name} | {spent:.0f} |"
        yield ""
        floor = self.mid(f"cold {version} floor") * 1000
        whole = self.mid(f"cold {version} own") * 1000
        yield f"CPU of fresh processes that import a piece each ({version}):"
        yield ""
        yield "| piece | ms | x of the floor |"
        yield "|---|---|---|"
        pieces = {name.partition(" ")[2]: self.mid(name) * 1000 for name in self.results if name.startswith("piece ")}
        for name, spent in pieces.items():
            yield f"| {name} | {spent:.0f} | {spent / floor:.2f} |"
        yield f"| the function, ready | {whole:.0f} | {whole / floor:.2f} |"
        yield ""
        together = pieces[WITHOUT_COLLECTIONS]
        yield (
            f"httpx, pydantic, powertools and a TLS context cost {together:.0f} ms by themselves, "
            f"{together / floor:.2f} x of the floor. To come below that, pydantic would have to be imported after the "
            "start, at the first message: the same work, paid for by the first invocation."
        )
        yield ""

    def _profile(self, kind: str, told: str) -> Iterator[str]:
        found = self.results[f"profile {kind}"]
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
            for version in self.results["versions"]
            for side, name in whose.items()
        ]
        yield (
            "cold-start",
            bars("cold-start", "Cold start: CPU of a fresh process, ready for its first call", "ms", cold),
        )
        drains = [Bar("JD, 1,000 messages, untag", self.mid("jd own", "first_to_last"), "own")]
        drains += [Bar("JD, 1,000 messages, SDK path", self.mid("jd sdk", "first_to_last"), "sdk")]
        for number in (32, 100):
            drains += [
                Bar(f"Huawei, {number} in flight, ideal", ceil(RESOURCES / number) * LATENCY, "floor"),
                Bar(f"Huawei, {number} in flight, untag", self.mid(f"huawei {number} own", "phase"), "own"),
                Bar(f"Huawei, {number} threads, SDK path", self.mid(f"huawei {number} sdk", "phase"), "sdk"),
            ]
        yield "drain", bars("drain", "Drain: 1,000 resources, 50 ms a call", "s", drains)
        growth = [
            Bar(f"{pairs:,} pairs in one run", self.mid(f"growth {pairs}") * 1e6, "own") for pairs in self.sizes()
        ]
        yield "growth", bars("growth", "Growth: CPU of a pair in the core", "us", growth)
        costs = {label: dollars(for_a_million(counts)) for label, counts in self.results["cost"].items()}
        yield "cost", stacks("cost", "A million pairs on AWS, list prices", "$", costs)


_HEAD = """
# Performance

Written by `make bench`: untag and the same function on the vendors' SDKs ("the SDK path": jdcloud_sdk,
huaweicloudsdkconfig, boto3, powertools, pydantic; `bench/sdk/app.py`) do the same work in turn, A B A B, against the
same local servers in a process of their own. Rows without a figure of the SDK path are measured of untag alone.
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
  SNS is a stand-in that answers at once. Tags are not read first (`UNTAG_READ_FIRST=off`), except where a row says so:
  a read is one call more for each write.
- CPU of a call: all CPU of the invocation, with parsing, signing, outcomes and the report, over the number of calls.
- CPU of a pair: the same over ten messages of 50 ids and 5 tags each, over 2,500 pairs.
- Growth: the core with a provider that answers at once: jobs, plan, judgement, results and the rows of every report.
  Memory held is what tracemalloc counts for all jobs with their results, beside the requests that are there before.
- A small record: one of a batch of 1,000, with provider and SNS answered inside the process. Its parts, each alone over
  a thousand different records in the same process: one `json.loads` of its body, one validation of the request by its
  pydantic model, one `json.dumps` of its report, one line of the powertools logger with the fields of the function's
  own line. Medians of the runs' means.
- Here: `untag plan` of a sweep rule and `untag apply` of its plan, each a process of its own, with one pair for each
  resource at JD Cloud. The CPU of the same command with a hundred pairs is taken off. The plan has to have a row for
  every pair, and the tags have to be gone afterwards.
- Sweep: the sweep function on its own, 49 resources in 50 at JD Cloud, which does not page, up to 25,000 of them in a
  region, and one in 50 at Huawei Cloud's TMS, which pages. Three tags in five have a date that is over.
  CPU is that of the function's process, less that of a sweep of 1,000 resources; the peak is the whole process's. The
  requests that it sends are held against the tags that stand at the clouds.
- Cost: the function's invocations one after the other, in a process that is warm. Lambda gives 512 MB the part of a
  core that 512 is of 1,769; so the CPU time of an invocation counts that much more often, and its waiting as it is. The
  sum is rounded up to a millisecond. A sender is taken to put ten messages into a call; Lambda receives and deletes ten
  at a time. Metrics, alarms, polling an empty queue and stored logs cost the same whatever is done, and are left out.
- TLS: the local server with a certificate of an authority made for the run.

The SDK path does less: it neither groups messages, nor retries, nor reads back, nor keeps a pace.
"""


def write(results: dict[str, Any], docs: Path) -> str:
    """Write the page and its charts; the table for the terminal."""
    page = Page(results)
    (docs / "img").mkdir(parents=True, exist_ok=True)
    (docs / "performance.md").write_text(page.text(), encoding="utf-8")
    for name, chart in page.charts():
        (docs / "img" / f"{name}.svg").write_text(chart, encoding="utf-8")
    width = max(len(row.name) for row in page.rows())
    return "\n".join(
        f"{'met ' if row.met else 'MISS'}  {row.name:{width}}  {row.figure}  ({row.target})" for row in page.rows()
    )
