"""`python -m bench`: measures, and writes docs/performance.md and its charts. QUICK=1 repeats less.

`python -m bench cold drains` measures only these parts anew, and keeps the rest of what was measured last.
"""

import json
import os
import sys
import time

from bench.figures import Bench, machine
from bench.page import write
from bench.processes import ROOT

KEPT = ROOT / ".local" / "bench.json"


def main() -> int:
    """Measure and write; with `--page`, only write what was measured last."""
    only = sys.argv[1:]
    if only and os.environ.get("QUICK") and only != ["--page"]:
        raise SystemExit("QUICK=1 measures everything: its figures do not stand beside those of a full run")
    if only and not KEPT.exists():
        raise SystemExit("nothing is measured yet: python -m bench")
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if only else {}
    if only == ["--page"]:
        print(write(kept, ROOT / "docs"))
        return 0
    began = time.monotonic()
    bench = Bench(quick=bool(os.environ.get("QUICK")), tell=lambda text: print(text, flush=True))
    before = os.getloadavg()[0]
    try:
        results = kept | bench.run(only)
    finally:
        bench.close()
    if only:
        results["again"] = sorted({*kept.get("again", ()), *only})
    else:
        results["machine"] = machine() | {
            "cores": str(os.cpu_count()),
            "load": f"{before:.1f} before, {os.getloadavg()[0]:.1f} after",
            "seconds": f"{time.monotonic() - began:.0f}",
            "day": time.strftime("%Y-%m-%d", time.gmtime()),
            "quick": "yes" if bench.quick else "",
        }
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps(results), encoding="utf-8")
    print(write(results, ROOT / "docs"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
