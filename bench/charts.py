"""Charts: tables with a bar in each row, as a terminal would show them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rich import box
from rich.bar import Bar as Drawn
from rich.table import Table
from rich.text import Text

from tools.screenshots.drawing import svg_of

_WIDTH = 44
"""Columns of the longest bar."""
_COLOURS = {"own": "blue", "sdk": "yellow", "floor": "bright_black"}
_PARTS = ("blue", "yellow", "green", "magenta", "cyan")


class Bar(NamedTuple):
    """A bar: what it is, how long, and whose (`own`, `sdk`, `floor`)."""

    label: str
    value: float
    whose: str


def bars(name: str, title: str, unit: str, rows: Sequence[Bar]) -> str:
    """Horizontal bars from zero."""
    most = max(row.value for row in rows)
    table = _table()
    for row in rows:
        drawn = Drawn(most, 0, row.value, width=_WIDTH, color=_COLOURS[row.whose])
        table.add_row(row.label, drawn, f"{row.value:,.3g} {unit}")
    return svg_of(name, title, table)


def stacks(name: str, title: str, unit: str, rows: Mapping[str, Mapping[str, float]]) -> str:
    """Horizontal bars that are made of the same parts, in colours that the last row explains."""
    most = max(sum(parts.values()) for parts in rows.values())
    table = _table()
    for label, parts in rows.items():
        total = sum(parts.values())
        table.add_row(label, _stack(parts.values(), most), f"{unit}{total:,.3g}")
    names = next(iter(rows.values()))
    legend = Text("  ").join(Text(f"\u2588 {part}", colour) for part, colour in zip(names, _PARTS, strict=False))
    outer = Table.grid()
    outer.add_row(table)
    outer.add_row(legend)
    return svg_of(name, title, outer)


def _stack(values: Iterable[float], most: float) -> Text:
    """The parts one after the other, each from where the one before it ends."""
    drawn, whole, ends = Text(), 0.0, 0
    for value, colour in zip(values, _PARTS, strict=False):
        whole += value
        end = round(whole / most * _WIDTH)
        drawn.append("\u2588" * (end - ends), colour)
        ends = end
    return drawn


def _table() -> Table:
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(width=_WIDTH, no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    return table
