"""Takes the pictures plan.svg, status.svg and live.svg.

    python -m tools.screenshots [--to docs/img]

A small job is carried out at the local clouds in a folder that is removed afterwards. What depends on the moment and on
the speed of the machine is set to fixed values, so that a second run writes the same pictures.
"""

import argparse
import sys
from pathlib import Path

from local.stack import ROOT
from tools.screenshots import job, live
from tools.screenshots.drawing import command_picture, live_picture


def main() -> int:
    """Carry the jobs out and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "img")
    to = parser.parse_args().to
    for name, (command, printed) in job.pictures().items():
        _write(to / f"{name}.svg", command_picture(name, command, printed))
    _write(to / "live.svg", live_picture(live.seen()))
    return 0


def _write(path: Path, picture: str) -> None:
    path.write_text(picture, encoding="utf-8")
    print(path)


if __name__ == "__main__":
    sys.exit(main())
