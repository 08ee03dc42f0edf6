"""How long `untag plan` and `untag apply` take over many resources at the local clouds, and how much memory.

    python -m tools.plan_figures [--resources 100000] [--tms 5000] [--rate 200]

Each resource bears one tag that is to go and one that stays. The plan is made of sweep rules; it is applied whole. The
local clouds run in this process, on the same processors: what they take is part of the time, and of no memory that is
counted. Beside each time stands what the accounts' rate alone makes of the calls: the slower cloud's calls / rate.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from local import ROOT
from local.providers import HuaweicloudTmsServer, JdcloudServer, environment
from local.providers.server import ProviderServer

PROJECT = "5f0c2a9d8e7b46310f00c0de00000001"
_MEGABYTE = 1024  # in the kilobytes of getrusage


class Figures(NamedTuple):
    """What one command took. `calls` are each cloud's."""

    seconds: float
    processor_seconds: float
    megabytes: float
    calls: dict[str, Counter[str]]

    def line(self, name: str, rate: float) -> str:
        """For a person."""
        totals = {cloud: counts.total() for cloud, counts in self.calls.items()}
        least = max(totals.values()) / rate
        calls = "; ".join(
            f"{cloud}: {', '.join(f'{count} {operation}' for operation, count in counts.items())}"
            for cloud, counts in self.calls.items()
        )
        return (
            f"{name}: {self.seconds:.1f} s ({self.processor_seconds:.1f} s of its own processor time, calls / rate "
            f"{least:.1f} s), {self.megabytes:.0f} MB at most; {calls}"
        )


def filled(jd: JdcloudServer, tms: HuaweicloudTmsServer, resources: int, at_tms: int) -> None:
    """Put the resources there."""
    jd.tags.load(
        {"region": "cn-north-1", "type": "vm", "id": f"i-{n:06}", "tags": {"env": f"v{n % 3}", "team": "web"}}
        for n in range(resources - at_tms)
    )
    tms.tags.load(
        {"region": PROJECT, "type": "ecs", "id": f"e-{n:06}", "tags": {"env": f"v{n % 3}", "team": "web"}}
        for n in range(at_tms)
    )


def rules() -> str:
    """Two rules for the key env."""
    match = {"match": {"key": "env"}}
    jd = {"name": "jd", "provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"], **match}
    tms = {"name": "tms", "provider": "huaweicloud", "project_id": PROJECT, "types": ["ecs"], **match}
    return json.dumps({"id": "figures", "rules": [jd, tms]})


def measured(folder: Path, environ: dict[str, str], servers: list[ProviderServer], *words: str) -> Figures:
    """Call the command; what it took."""
    for server in servers:
        server.calls.clear()
    began = time.monotonic()
    command = [sys.executable, "-m", "cli", *words, "--json"]
    with subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.DEVNULL) as started:
        _, status, usage = os.wait4(started.pid, 0)
        started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode:
        raise SystemExit(f"untag {words[0]} ended with {started.returncode}")
    calls = {server.provider: Counter(call.operation for call in server.calls) for server in servers}
    seconds = time.monotonic() - began
    return Figures(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / _MEGABYTE, calls)


def main() -> None:
    """Measure, and print a line for each command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--resources", type=int, default=100_000)
    parser.add_argument("--tms", type=int, default=5_000, help="of these, at Huawei Cloud's TMS")
    parser.add_argument("--rate", type=float, default=200.0, help="calls a second of each account")
    given = parser.parse_args()
    with JdcloudServer() as jd, HuaweicloudTmsServer() as tms, TemporaryDirectory() as name:
        folder = Path(name)
        filled(jd, tms, given.resources, given.tms)
        (folder / "rules.json").write_text(rules(), encoding="utf-8")
        environ = {
            **os.environ,
            **environment((jd, tms)),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers/untag/python")]),
            "UNTAG_LEDGER": str(folder / "ledger"),
            "UNTAG_RATE": f"{given.rate:g}",
        }
        servers: list[ProviderServer] = [jd, tms]
        plan = measured(folder, environ, servers, "plan", "rules.json", "-o", "plan.csv")
        print(plan.line("plan", given.rate), flush=True)
        confirmed = ("--yes", "--expect", str(given.resources), "--no-new")
        print(measured(folder, environ, servers, "apply", "plan.csv", *confirmed).line("apply", given.rate))
        if left := sum(pair.key == "env" for server in (jd, tms) for pair in server.tags.pairs()):
            raise SystemExit(f"{left} tags are still there")


if __name__ == "__main__":
    main()
