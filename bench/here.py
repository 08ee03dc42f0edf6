"""The command on one's own machine: what `untag plan` and `untag apply` cost for each pair, at two sizes.

Each command is a process of its own, as a user starts it. What a command costs before it does anything is measured with
a few pairs, and taken off.
"""

import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.processes import PEAK, ROOT, Cost, bare, cost

if TYPE_CHECKING:
    from bench.figures import Bench

_FEW = 100
_PLACE = ("cn-north-1", "vm")
_KEY = "env"
_TAGS = [{_KEY: f"v{number}", "team": "web"} for number in range(50)]
"""A listing that is too long for one answer is made value by value."""
_RULE = {"name": "jd", "provider": "jdcloud", "regions": [_PLACE[0]], "types": [_PLACE[1]], "match": {"key": _KEY}}
_UNTAG = f"import atexit, sys\natexit.register(lambda: {PEAK})\nfrom cli.app import main\nmain()"


def measure(bench: "Bench", sizes: tuple[int, ...]) -> None:
    """Plan and apply so many pairs; CPU for each pair, without what a few cost."""
    for _ in bench.times(3):
        least = _planned_and_applied(bench, _FEW)
        for pairs in sizes:
            for name, used in _planned_and_applied(bench, pairs).items():
                bench.keep(f"here {name} {pairs}", (used.cpu - least[name].cpu) / (pairs - _FEW))
                bench.keep(f"here rss {name} {pairs}", used.rss)
        for name, used in least.items():
            bench.keep(f"here start {name}", used.cpu)


def _planned_and_applied(bench: "Bench", pairs: int) -> dict[str, Cost]:
    bench.clouds.fill("jdcloud", [_PLACE], pairs, _TAGS)
    with TemporaryDirectory(prefix="untag-bench-") as name:
        folder = Path(name)
        (folder / "rules.json").write_text(json.dumps({"id": "bench", "rules": [_RULE]}), encoding="utf-8")
        environ = {**bench.environment, "UNTAG_LEDGER": str(folder / "ledger")}
        plan = _command(folder, environ, "plan", "rules.json", "-o", "plan.csv")
        with (folder / "plan.csv").open(encoding="utf-8") as file:
            rows = sum(1 for _ in file) - 1
        apply = _command(folder, environ, "apply", "plan.csv", "--no-new", "--yes", "--expect", str(pairs))
    if (rows, bench.clouds.carrying("jdcloud", _KEY), bench.clouds.carrying("jdcloud", "team")) != (pairs, 0, pairs):
        raise RuntimeError(f"{rows} rows of {pairs} in the plan, or tags at the cloud that should not be there")
    return {"plan": plan, "apply": apply}


def _command(folder: Path, environ: dict[str, str], *words: str) -> Cost:
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "untag" / "python")])
    return cost([sys.executable, "-c", _UNTAG, *words, "--json"], {**bare(environ), "PYTHONPATH": path}, folder)
