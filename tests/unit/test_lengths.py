"""How many lines a Python file may have."""

import os
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]
LONGEST = 400
"""Lines: the number that CONTRIBUTING.md names."""


def python_files() -> Iterator[Path]:
    """Those of the project itself: not those that were installed or built in its folder."""
    for folder, inner, files in os.walk(PROJECT):
        here = Path(folder)
        inner[:] = [
            name
            for name in inner
            if not name.startswith(".") and name != "build" and not (here / name / "pyvenv.cfg").exists()
        ]
        yield from (here / name for name in files if name.endswith(".py"))


def test_no_python_file_is_longer_than_four_hundred_lines() -> None:
    lengths = {
        f"{file.relative_to(PROJECT)}": len(file.read_text(encoding="utf-8").splitlines()) for file in python_files()
    }
    assert len(lengths) > 400
    assert {file: lines for file, lines in lengths.items() if lines > LONGEST} == {}
