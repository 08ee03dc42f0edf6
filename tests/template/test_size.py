"""How much of a template a reader has to hold at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = 1600
A_SCREEN_AND_A_HALF = 80

# The dashboard's body is one text, which CloudWatch takes as a whole.
LONG = {"Dashboard"}


def blocks(path: Path) -> dict[str, int]:
    """The lines of each entry of a template, without the comments and the blank lines behind it."""
    found: dict[str, int] = {}
    name, began = "", 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        entry = re.match(r"^  (\w+):", line)
        if entry or re.match(r"^\S", line):
            name, began = (entry[1], number) if entry else ("", number)
        if name and line.startswith("   "):
            found[name] = number - began + 1
    return found


def test_the_template_has_at_most_sixteen_hundred_lines() -> None:
    assert len((ROOT / "template.yaml").read_text(encoding="utf-8").splitlines()) <= LINES


@pytest.mark.parametrize("template", ["template.yaml", "observability.yaml"])
def test_every_block_can_be_read_on_a_screen_and_a_half(template: str) -> None:
    lengths = blocks(ROOT / template)
    assert len(lengths) > 40
    assert {name: lines for name, lines in lengths.items() if lines > A_SCREEN_AND_A_HALF and name not in LONG} == {}
