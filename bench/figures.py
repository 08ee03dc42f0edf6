"""What is measured: every figure several times, ours and theirs in turn."""

import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import cost, here, sweep
from bench.certificates import certificate
from bench.clouds import TLS, Clouds
from bench.driver import batch
from bench.packages import sizes
from bench.processes import LAYER, OWN_APP, PIECES, ROOT, SDK_APP, Driver, Side, fresh, imports
from local.functions.runtime import ExecutionEnvironment, FunctionSpec

LATENCY = 0.05
"""Seconds that a provider takes for each call."""

RESOURCES = 1000
POLICY = "config:policyAssignments"
VM = "vm"
REGION = "cn-north-1"

AWS = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIABENCH",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "UNTAG_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/000000000000/work",
    "UNTAG_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/000000000000/dead",
    "UNTAG_TOPIC_ARN": "arn:aws:sns:eu-west-1:000000000000:reports",
    "POWERTOOLS_METRICS_NAMESPACE": "untag",
    "POWERTOOLS_SERVICE_NAME": "remove_tags",
    # A pace would be what is measured; the SDK path has none.
    "UNTAG_RATE": "100000",
}

Results = dict[str, Any]
Tell = Callable[[str], None]


class Bench:
    """One run. `quick` repeats less."""

    def __init__(self, *, quick: bool, tell: Tell) -> None:
        self.quick = quick
        self._tell = tell
        self.results: Results = {}
        self._folder = tempfile.TemporaryDirectory()
        self._authority, pair = certificate(Path(self._folder.name))
        self.clouds = Clouds(pair)
        self.environment = {**AWS, **self.clouds.environment}
        self._number = 0
        own, sdk = Path(".venv-bench-own/bin/python"), Path(".venv-bench/bin/python")
        self.pairs = [(Side("own", ROOT / own, OWN_APP), Side("sdk", ROOT / sdk, SDK_APP))]
        deployed = Side("own", ROOT / ".venv-runtime/bin/python", OWN_APP)
        if deployed.version != self.pairs[0][0].version:
            self.pairs.append((deployed, Side("sdk", ROOT / ".venv-bench-runtime/bin/python", SDK_APP)))

    def close(self) -> None:
        """Stop the servers."""
        self.clouds.close()
        self._folder.cleanup()

    def times(self, usual: int) -> range:
        """How often."""
        return range(2 if self.quick else usual)

    def keep(self, name: str, value: Any) -> None:
        """One more value of a figure."""
        self.results.setdefault(name, []).append(value)

    def run(self, only: Sequence[str] = ()) -> Results:
        """Every part, or those that are named."""
        parts = (
            self.cold,
            self.drains,
            self.inside,
            self.growth,
            self.here,
            self.sweep,
            self.cost,
            self.first,
            self.package,
            self.profiles,
        )
        if unknown := set(only) - {part.__name__ for part in parts}:
            raise SystemExit(f"there is no part {', '.join(sorted(unknown))}")
        for part in parts:
            if only and part.__name__ not in only:
                continue
            began = time.monotonic()
            part()
            self._tell(f"{part.__name__}: {time.monotonic() - began:.0f} s")
        return self.results

    # Cold

    def cold(self) -> None:
        """CPU and memory of a fresh process, made ready."""
        for own, sdk in self.pairs:
            version = own.version
            for at in range(-1, len(self.times(7))):  # the first writes bytecode where there is none
                for what, side in (("own", own), ("sdk", sdk), ("floor", own)):
                    cost = fresh(side, what, self.environment)
                    if at >= 0:
                        self.keep(f"cold {version} {what}", cost.cpu)
                        self.keep(f"rss {version} {what}", cost.rss)
        self.results["versions"] = [own.version for own, _ in self.pairs]
        for _ in self.times(7):
            for piece in PIECES:
                self.keep(f"piece {piece}", fresh(self.pairs[-1][0], piece, self.environment).cpu)
        self.results["imports"] = imports(self.pairs[-1][0], self.environment)[:10]

    def first(self) -> None:
        """From the start of the process under the real runtime to the first report delivered."""
        own, sdk = self.pairs[-1]
        for at in range(-1, len(self.times(5))):
            for side in (own, sdk):
                orders = self.orders("jdcloud", messages=1, per=1, keys=["env"])
                self.prepare(orders, latency=0.0)
                began = time.monotonic()
                runtime = ExecutionEnvironment(_spec(side, self.environment))
                try:
                    answer = runtime.invoke(json.dumps(batch(orders)).encode())
                finally:
                    runtime.close()
                count, last = self.clouds.delivered()
                if answer.error or count != 1:
                    raise RuntimeError(f"{side.name}: {answer.error} {answer.payload!r} {answer.log}")
                if at >= 0:
                    self.keep(f"first {side.name}", last - began)

    # Warm

    def orders(self, provider: str, *, messages: int, per: int, keys: list[str], size: int = 0) -> dict[str, Any]:
        """What an invocation shall get; the resources are new each time."""
        self._number += 1
        place = (REGION, VM) if provider == "jdcloud" else ("", POLICY)
        return {
            "do": "invoke",
            "prefix": f"r{self._number}",
            "provider": provider,
            "region": place[0],
            "type": place[1],
            "messages": messages,
            "per": per,
            "keys": keys,
            "batch": size,
        }

    def prepare(self, orders: dict[str, Any], *, latency: float = LATENCY, cloud: str = "") -> str:
        """Put the resources of an order where they will be found; the cloud's name."""
        name = cloud or ("jdcloud" if orders["provider"] == "jdcloud" else "huaweicloud-config")
        ids = [f"{orders['prefix']}-{at}" for at in range(orders["messages"] * orders["per"])]
        self.clouds.prepare(name, (orders["region"], orders["type"]), ids, orders["keys"], latency)
        return name

    def measure(self, label: str, driver: Driver, orders: dict[str, Any], *, cloud: str = "") -> None:
        """One invocation, seen from both ends."""
        name = self.prepare(orders, cloud=cloud)
        servers = self.clouds.cpu()
        answer = driver.ask(**orders)
        servers = self.clouds.cpu() - servers
        seen = self.clouds.measured(name)
        messages, last = self.clouds.delivered()
        wanted = orders["messages"] * orders["per"] * len(orders["keys"])
        if answer["failed"] or seen.failed or seen.pairs != wanted or messages < orders["messages"]:
            raise RuntimeError(f"{label}: {answer} {seen} {messages}")
        found = {**answer, **seen._asdict(), "first_to_last": last - answer["began"], "servers": servers}
        self.keep(label, found)

    def drains(self) -> None:
        """The same thousand removals at each concurrency, ours and theirs in turn, in processes that are warm."""
        own, sdk = self.pairs[0]
        off = {**self.environment, "UNTAG_READ_FIRST": "off"}
        drivers = {
            (side.name, number): Driver(side, {**off, "UNTAG_CONCURRENCY": str(number)})
            for number in (32, 100)
            for side in (own, sdk)
        }
        reading = {
            number: Driver(own, {**self.environment, "UNTAG_READ_FIRST": "on", "UNTAG_CONCURRENCY": str(number)})
            for number in (32, 100)
        }
        secure = Driver(own, {**off, "UNTAG_CONCURRENCY": "32"})
        endpoint = {"UNTAG_ENDPOINTS": f"huaweicloud.config={self.environment['BENCH_TLS_ENDPOINT']}"}
        secure.ask(do="trust", authority=self._authority, environment=endpoint)
        everyone = [*drivers.values(), *reading.values()]
        for driver in everyone:  # a key is proved by one call before others may fly: that is the cold path's business
            self._warm(driver)
        self._warm(secure, cloud=TLS)
        for _ in self.times(5):
            for number in (32, 100):
                for side in (own, sdk):
                    driver = drivers[side.name, number]
                    label = f"huawei {number} {side.name}"
                    self.measure(label, driver, self.orders("huaweicloud", messages=1, per=RESOURCES, keys=["env"]))
                self.measure(
                    f"huawei {number} reading",
                    reading[number],
                    self.orders("huaweicloud", messages=1, per=RESOURCES, keys=["env"]),
                )
            tls = self.orders("huaweicloud", messages=1, per=RESOURCES, keys=["env"])
            self.measure("huawei 32 tls", secure, tls, cloud=TLS)
        self._messages(drivers["own", 32], drivers["sdk", 32])
        for driver in (*everyone, secure):
            driver.close()

    def _messages(self, own: Driver, sdk: Driver) -> None:
        """JD Cloud: a thousand small messages at once and in batches, and few large ones."""
        for _ in self.times(4):
            for driver in (own, sdk):
                one = self.orders("jdcloud", messages=RESOURCES, per=1, keys=["env"])
                self.measure(f"jd {driver.side.name}", driver, one)
        for driver in (own, sdk):
            hundreds = self.orders("jdcloud", messages=RESOURCES, per=1, keys=["env"], size=100)
            self.measure(f"jd hundreds {driver.side.name}", driver, hundreds)
        for _ in self.times(7):
            for driver in (own, sdk):
                keys = [f"k{at}" for at in range(5)]
                pairs = self.orders("jdcloud", messages=10, per=50, keys=keys)
                self.measure(f"pairs {driver.side.name}", driver, pairs)

    def _warm(self, driver: Driver, *, cloud: str = "") -> None:
        for provider in ("huaweicloud",) if cloud else ("jdcloud", "huaweicloud"):
            orders = self.orders(provider, messages=1, per=40, keys=["env"])
            self.prepare(orders, latency=0.0, cloud=cloud)
            driver.ask(**orders)

    def inside(self) -> None:
        """A thousand records without provider calls and without those of delivery, and what their parts cost alone."""
        driver = Driver(self.pairs[0][0], self.environment)
        for at in range(-1, len(self.times(7))):
            orders = self.orders("jdcloud", messages=RESOURCES, per=1, keys=["env"])
            answer = driver.ask(**{**orders, "do": "without_calls"})
            if answer["failed"]:
                raise RuntimeError(f"records: {answer}")
            if at >= 0:
                self.keep("records", answer["cpu"] / RESOURCES)
                bodies = [record["body"] for record in batch(orders)["Records"]]
                self.keep("parts", driver.ask(do="parts", bodies=bodies))
        driver.close()

    def growth(self) -> None:
        """A thousand to a million pairs through the core."""
        for pairs in self.sizes():
            driver = Driver(self.pairs[0][0], self.environment)
            driver.ask(do="growth", pairs=1000, memory=False)
            for _ in self.times(9 if pairs < 100_000 else 2):  # noqa: PLR2004
                self.keep(f"growth {pairs}", driver.ask(do="growth", pairs=pairs, memory=False)["cpu"] / pairs)
            self.keep(f"held {pairs}", driver.ask(do="growth", pairs=pairs, memory=True)["held"] / pairs)
            driver.close()

    def sizes(self) -> Iterator[int]:
        """Numbers of pairs."""
        yield from (1_000, 10_000, 100_000) if self.quick else (1_000, 10_000, 100_000, 1_000_000)

    def here(self) -> None:
        """The command on one's own machine."""
        here.measure(self, (10_000, 50_000) if self.quick else (10_000, 100_000))

    def sweep(self) -> None:
        """A sweep, at two sizes."""
        sweep.measure(self, (10_000, 100_000) if self.quick else (100_000, 1_000_000))

    def cost(self) -> None:
        """What AWS bills."""
        cost.measure(self)

    # The package

    def package(self) -> None:
        """Zip sizes in bytes."""
        self.results |= sizes()

    # What is left

    def profiles(self) -> None:
        """Where our own CPU goes: a drain, a batch of small records with its delivery, and without."""
        driver = Driver(self.pairs[0][0], {**self.environment, "UNTAG_READ_FIRST": "off", "UNTAG_CONCURRENCY": "100"})
        self._warm(driver)
        orders = self.orders("huaweicloud", messages=1, per=RESOURCES, keys=["env"])
        self.prepare(orders)
        self.results["profile drain"] = driver.ask(**{**orders, "do": "profile"})
        orders = self.orders("jdcloud", messages=RESOURCES, per=1, keys=["env"])
        self.prepare(orders)
        self.results["profile jd"] = driver.ask(**{**orders, "do": "profile"})
        self.results["profile records"] = driver.ask(**{**orders, "do": "profile", "alone": True})
        driver.close()


def _spec(side: Side, environment: dict[str, str]) -> FunctionSpec:
    return FunctionSpec(
        name="bench",
        arn="arn:aws:lambda:eu-west-1:000000000000:function:bench",
        handler="app.handler",
        folder=side.app,
        layers=(LAYER,) if side.name == "own" else (),
        python=side.python,
        timeout=60,
        memory=512,
        runtime="python3.13",
        environment=environment,
        log_group="bench",
    )


def machine() -> dict[str, str]:
    """What it was measured on, as far as it explains the figures."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return {"cpu": cpu, "system": f"{platform.system()} {platform.machine()}", "python": platform.python_version()}
