"""Every figure that has a target, beside it. Targets are ratios: absolute times mean nothing on a shared machine."""

from collections.abc import Iterator
from math import ceil
from statistics import median
from typing import Any, NamedTuple

from bench.figures import LATENCY, RESOURCES

MEGABYTE = 1_000_000
_CALLS = 20
"""Calls of a thousand JD messages, fifty resources a call."""


class Row(NamedTuple):
    """A target beside its figure."""

    name: str
    figure: str
    other: str
    target: str
    met: bool


class Targets:
    """One run's results against what they have to be."""

    def __init__(self, results: dict[str, Any]) -> None:
        self.results = results

    def mid(self, name: str, field: str = "") -> float:
        """A figure's median."""
        values = self.results[name]
        return float(median(value[field] for value in values) if field else median(values))

    def best(self, name: str, field: str) -> float:
        """A figure's least value: the run that other work disturbed least."""
        return float(min(value[field] for value in self.results[name]))

    def rows(self) -> Iterator[Row]:
        """Every target."""
        yield from self._cold()
        own, sdk = self.mid("first own"), self.mid("first sdk")
        yield Row(
            "first invocation",
            f"{own:.2f} s, {own / sdk:.2f} x",
            f"{sdk:.2f} s",
            "<= 0.48 x the SDK path",
            own <= 0.48 * sdk,
        )
        size = sum(self.results["package own"].values()) / MEGABYTE
        theirs = self.results["package sdk"] / MEGABYTE
        yield Row("package, zipped", f"{size:.2f} MB", f"{theirs:.1f} MB", "<= 5 MB", size <= 5.0)
        for version in self.results["versions"]:
            rss = self.mid(f"rss {version} own")
            theirs = self.mid(f"rss {version} sdk")
            yield Row(f"peak RSS after import, {version}", f"{rss:.1f} MB", f"{theirs:.1f} MB", "<= 45 MB", rss <= 45.0)
        yield from self._jdcloud()
        yield from self._huaweicloud()
        yield from self._cpu()
        yield from self._growth()
        yield from self._here()
        yield from self._sweep()
        yield from self._tls()

    def _cold(self) -> Iterator[Row]:
        for version in self.results["versions"]:
            own, sdk, floor = (self.mid(f"cold {version} {what}") for what in ("own", "sdk", "floor"))
            name = f"cold start, {version}"
            figure = f"{own * 1000:.0f} ms CPU"
            yield Row(
                name,
                f"{figure}, {own / sdk:.2f} x",
                f"{sdk * 1000:.0f} ms",
                "<= 0.43 x the SDK path",
                own <= 0.43 * sdk,
            )
            yield Row(
                name,
                f"{figure}, {own / floor:.2f} x",
                f"floor {floor * 1000:.0f} ms",
                "<= 2.1 x the floor",
                own <= 2.1 * floor,
            )

    def _jdcloud(self) -> Iterator[Row]:
        calls, theirs = self.mid("jd hundreds own", "calls"), self.mid("jd hundreds sdk", "calls")
        yield Row(
            "provider calls, 1,000 messages in batches of 100, tags not read first",
            f"{calls:,.0f}",
            f"{theirs:,.0f}",
            f"{_CALLS} calls",
            calls == _CALLS,
        )
        for name, field, times in (
            ("drain, JD, provider phase", "phase", 20),
            ("drain, JD, first invoke to last report", "first_to_last", 4),
        ):
            own, sdk = self.mid("jd own", field), self.mid("jd sdk", field)
            yield Row(
                name,
                f"{milliseconds(own)} (best {milliseconds(self.best('jd own', field))}), {sdk / own:.1f} x faster",
                f"{milliseconds(sdk)} (best {milliseconds(self.best('jd sdk', field))})",
                f">= {times} x faster",
                sdk >= times * own,
            )

    def _huaweicloud(self) -> Iterator[Row]:
        theirs = self.mid("huawei 100 sdk", "phase")
        for number, plain, reading in ((32, 1.10, 1.08), (100, 2.0, 1.15)):
            ideal = ceil(RESOURCES / number) * LATENCY
            sdk = self.mid(f"huawei {number} sdk", "phase")
            for label, name, floor, bound in (
                (f"huawei {number} own", "drain, Huawei Config", ideal, plain),
                (f"huawei {number} reading", "the same, tags read first", 2 * ideal, reading),
            ):
                own = self.mid(label, "phase")
                best = self.best(label, "phase")
                yield Row(
                    f"{name}, concurrency {number}",
                    f"{milliseconds(own)}, {own / floor:.2f} x (best {milliseconds(best)}, {best / floor:.2f} x)",
                    f"{milliseconds(sdk)} (best {milliseconds(self.best(f'huawei {number} sdk', 'phase'))})",
                    f"<= {bound:.2f} x of {milliseconds(floor)}",
                    own <= bound * floor,
                )
        for number in (32, 100):
            own = self.mid(f"huawei {number} own", "phase")
            yield Row(
                f"drain, Huawei Config, against 100 SDK threads, concurrency {number}",
                f"{theirs / own:.2f} x as fast",
                milliseconds(theirs),
                ">= 2 x as fast",
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
                "below the SDK's",
                own < sdk,
            )
        own, sdk = (self.mid(f"pairs {side}", "cpu") / 2500 * 1e6 for side in ("own", "sdk"))
        yield Row(
            "CPU of a pair, JD, 50 ids x 5 tags a call", f"{own:.1f} us", f"{sdk:.1f} us", "below the SDK's", own < sdk
        )
        record = self.mid("records") * 1e6
        parts = sum(self.parts().values())
        yield Row(
            "CPU of a small record",
            f"{record:.0f} us, {record / parts:.2f} x",
            f"its parts {parts:.0f} us",
            "<= 3 x what its parts cost alone",
            record <= 3 * parts,
        )

    def parts(self) -> dict[str, float]:
        """What the parts of a small record cost alone, in microseconds."""
        return {name: self.mid("parts", name) * 1e6 for name in self.results["parts"][0]}

    def sizes(self) -> list[int]:
        """The numbers of pairs that were measured."""
        return self._sizes("growth ")

    def _growth(self) -> Iterator[Row]:
        each = [self.mid(f"growth {pairs}") * 1e6 for pairs in self.sizes()]
        yield Row(
            "growth, CPU of a pair, " + " / ".join(f"{pairs:,}" for pairs in self.sizes()),
            " / ".join(f"{value:.1f}" for value in each) + f" us, {max(each) / min(each):.2f} x apart",
            "",
            "within 1.3 x",
            max(each) <= 1.3 * min(each),
        )
        held = [self.results[f"held {pairs}"][0] for pairs in self.sizes()]
        yield Row(
            "memory held for a pair",
            " / ".join(f"{value:.1f}" for value in held) + " bytes",
            "",
            "<= 150 bytes",
            max(held) <= 150.0,
        )

    def _sizes(self, prefix: str) -> list[int]:
        """The sizes at which something was measured, the smallest first."""
        return sorted(int(name.removeprefix(prefix)) for name in self.results if name.startswith(prefix))

    def _here(self) -> Iterator[Row]:
        for name, label in (("plan", "row of `untag plan`"), ("apply", "pair that `untag apply` removes")):
            sizes = self._sizes(f"here {name} ")
            each = [self.mid(f"here {name} {pairs}") * 1e6 for pairs in sizes]
            yield Row(
                f"here, CPU of a {label}, " + " / ".join(f"{pairs:,}" for pairs in sizes),
                " / ".join(f"{value:.0f}" for value in each) + f" us, {each[-1] / each[0]:.2f} x",
                "",
                "<= 1.3 x the smaller size",
                each[-1] <= 1.3 * each[0],
            )

    def _sweep(self) -> Iterator[Row]:
        sizes = self._sizes("sweep ")
        runs = [self.results[f"sweep {size}"] for size in sizes]
        heading = " / ".join(f"{size:,}" for size in sizes)
        for field, scale, unit, label in (
            ("cpu", 1e6, "us", "CPU of a resource"),
            # A region has so many resources at most, and a sweep holds one listing at a time.
            ("peak", 1, "MB", "peak memory"),
        ):
            each = [run[field] * scale for run in runs]
            yield Row(
                f"sweep, {label}, {heading}",
                " / ".join(f"{value:,.0f}" for value in each) + f" {unit}, {each[-1] / each[0]:.2f} x",
                "",
                "<= 1.3 x the smaller size",
                each[-1] <= 1.3 * each[0],
            )
        wrong = [(run["missed"], run["wrong"]) for run in runs]
        yield Row(
            f"sweep, pairs missed, and asked for wrongly or twice, {heading}",
            " / ".join(f"{missed:,} and {others:,}" for missed, others in wrong)
            + "".join(f"; {code}" for run in runs for code in run["errors"]),
            "",
            "none",
            not any(run["missed"] or run["wrong"] or run["errors"] for run in runs),
        )

    def _tls(self) -> Iterator[Row]:
        plain, secure = self.mid("huawei 32 own", "phase"), self.mid("huawei 32 tls", "phase")
        yield Row(
            "TLS, the Huawei drain at concurrency 32",
            f"{milliseconds(secure)}, {secure / plain:.2f} x of the plain one",
            "",
            "<= 1.25 x",
            secure <= 1.25 * plain,
        )
        opened = [int(one["connections"]) for one in self.results["huawei 32 tls"]]
        yield Row(
            "TLS connections opened, run after run",
            ", ".join(map(str, opened)),
            "",
            "<= 32 together, kept between invocations",
            sum(opened) <= 32,
        )


def milliseconds(seconds: float) -> str:
    """Seconds, written as milliseconds."""
    return f"{seconds * 1000:,.0f} ms"
