"""A dashboard as SVG: panels on CloudWatch's grid of 24 columns, as the widgets say where they stand."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from tools.dashboard.metrics import Series
from tools.dashboard.widgets import Shown

COLUMNS = 24
_COLUMN, _ROW, _GAP, _MARGIN = 56, 36, 10, 14
_WIDTH = COLUMNS * _COLUMN + 2 * _MARGIN
_PAD, _TITLE, _AXIS, _TICKS, _LEGEND_ROW = 12, 30, 70, 18, 17
_LETTER = 6.7
"""The width of a letter of the legend, on average."""
_COLOURS = (
    *("#2563eb", "#d97706", "#059669", "#db2777", "#7c3aed"),
    *("#0891b2", "#dc2626", "#65a30d", "#a16207", "#64748b"),
)
_OUTCOMES: Mapping[str, tuple[str, ...]] = {
    "removed": ("#16a34a", "#86efac"),
    "restored": ("#0891b2", "#67e8f9"),
    "failed": ("#dc2626", "#fca5a5"),
    "unconfirmed": ("#9d174d", "#f9a8d4"),
    "deferred": ("#d97706", "#fcd34d"),
    "absent": ("#64748b", "#cbd5e1"),
    "not_found": ("#475569", "#94a3b8"),
    "protected": ("#7c3aed", "#c4b5fd"),
}
"""What means well is green and what means ill is red; each further provider has a shade of its own."""
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#111827}.title{font-weight:600;font-size:14px}"
    ".head{font-weight:700;font-size:22px}.big{font-weight:600;font-size:34px}.note{fill:#6b7280;font-size:11.5px}"
    ".page{fill:#f3f4f6}.panel{fill:#fff;stroke:#e5e7eb}.grid{stroke:#e5e7eb}.rings{fill:#dc2626}.ok{fill:#16a34a}"
    ".bound{stroke:#dc2626;stroke-dasharray:5 4}"
    "@media(prefers-color-scheme:dark){text{fill:#e5e7eb}.note{fill:#9ca3af}.page{fill:#111827}"
    ".panel{fill:#1f2937;stroke:#374151}.grid{stroke:#374151}}"
)


@dataclass(frozen=True)
class Box:
    """Where something is drawn."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of(cls, widget: Mapping[str, Any]) -> "Box":
        """The place of a widget's panel."""
        return cls(
            _MARGIN + widget["x"] * _COLUMN + _GAP / 2,
            _MARGIN + widget["y"] * _ROW + _GAP / 2,
            widget["width"] * _COLUMN - _GAP,
            widget["height"] * _ROW - _GAP,
        )


def picture(title: str, panels: Sequence[str], widgets: Iterable[Mapping[str, Any]], note: str) -> str:
    """The whole picture; `note` stands at its foot."""
    bottom = max(widget["y"] + widget["height"] for widget in widgets) * _ROW + _MARGIN
    height = bottom + 34
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="page" width="{_WIDTH}" height="{height}"/>',
            *panels,
            f'<text class="note" x="{_MARGIN + _GAP / 2}" y="{bottom + 18}">{escape(note)}</text>',
            "</svg>",
            "",
        ]
    )


def words(widget: Mapping[str, Any]) -> str:
    """A text widget: its first line is a heading."""
    box = Box.of(widget)
    head, _, text = widget["properties"]["markdown"].partition("\n")
    return _group(
        f'<text class="head" x="{box.x + _PAD}" y="{box.y + 28}">{escape(head.lstrip("# "))}</text>',
        f'<text x="{box.x + _PAD}" y="{box.y + 50}">{escape(text)}</text>',
    )


def states(widget: Mapping[str, Any], rings: Mapping[str, bool]) -> str:
    """An alarm widget: the alarms' names, each with a mark that says whether it rings."""
    box = Box.of(widget)
    parts = [_panel(box), _title(box, widget)]
    rows = math.floor((box.height - _TITLE - 8) / _LEGEND_ROW)
    step = (box.width - 2 * _PAD) / math.ceil(len(rings) / rows)
    for number, (name, on) in enumerate(rings.items()):
        x = box.x + _PAD + step * (number // rows)
        y = box.y + _TITLE + 6 + _LEGEND_ROW * (number % rows)
        parts.append(f'<rect class="{"rings" if on else "ok"}" x="{x:.0f}" y="{y:.0f}" width="11" height="11" rx="2"/>')
        weight = ' font-weight="700"' if on else ""
        parts.append(f'<text class="note" x="{x + 16:.0f}" y="{y + 10:.0f}"{weight}>{escape(name)}</text>')
    return _group(*parts)


def numbers(widget: Mapping[str, Any], shown: Sequence[Shown]) -> str:
    """A widget of single values, one below the other."""
    box = Box.of(widget)
    parts = [_panel(box), _title(box, widget)]
    step = (box.height - _TITLE - _PAD) / max(1, len(shown))
    for number, one in enumerate(shown):
        y = box.y + _TITLE + step * number
        value = next(value for value in one.series if value is not None)
        parts.append(f'<text class="big" x="{box.x + _PAD}" y="{y + step * 0.55:.0f}">{_short(value)}</text>')
        parts.append(f'<text class="note" x="{box.x + _PAD}" y="{y + step * 0.55 + 20:.0f}">{escape(one.label)}</text>')
    return _group(*parts)


def graph(widget: Mapping[str, Any], shown: Sequence[Shown], seconds: float) -> str:
    """A widget over time: lines, or bars upon each other where it is stacked. `seconds` is the whole time."""
    box = Box.of(widget)
    properties = widget["properties"]
    stacked = bool(properties.get("stacked"))
    legend, rows = _legend(box, shown)
    plot = Box(
        box.x + _AXIS,
        box.y + _TITLE + 8,
        box.width - _AXIS - _PAD,
        box.height - _TITLE - 8 - _TICKS - rows * _LEGEND_ROW - 8,
    )
    parts = [_panel(box), _title(box, widget), *legend]
    if not shown:
        middle = f'x="{plot.x + plot.width / 2:.0f}" y="{plot.y + plot.height / 2:.0f}" text-anchor="middle"'
        return _group(*parts, f'<text class="note" {middle}>no data: nothing of the kind happened</text>')
    top = _top(shown, stacked=stacked)
    parts += _axes(plot, top, seconds)
    parts += _bounds(plot, top, properties.get("annotations", {}).get("horizontal", []))
    parts += _bars(plot, top, shown) if stacked else _lines(plot, top, shown)
    return _group(*parts)


def _lines(plot: Box, top: float, shown: Sequence[Shown]) -> list[str]:
    """A line through neighbours, and a dot where a value has none."""
    parts = []
    for colour, one in zip(_colours(shown), shown, strict=True):
        step = plot.width / len(one.series)
        for run in _runs(one.series):
            places = [
                (plot.x + step * (at + 0.5), plot.y + plot.height * (1 - min(value / top, 1))) for at, value in run
            ]
            if len(places) == 1:
                ((x, y),) = places
                parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>')
            else:
                points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
                parts.append(
                    f'<polyline points="{points}" fill="none" stroke="{colour}" '
                    'stroke-width="1.8" stroke-linejoin="round"/>'
                )
    return parts


def _bars(plot: Box, top: float, shown: Sequence[Shown]) -> list[str]:
    """One bar a period, the series upon each other in the legend's order."""
    parts = []
    floor = [0.0] * len(shown[0].series)
    step = plot.width / len(floor)
    for colour, one in zip(_colours(shown), shown, strict=True):
        path = []
        for at, value in enumerate(one.series):
            if value:
                low, floor[at] = floor[at], floor[at] + value
                y = plot.y + plot.height * (1 - floor[at] / top)
                tall = plot.height * (floor[at] - low) / top
                path.append(f"M{plot.x + step * at + 1:.1f} {y:.1f}h{step - 2:.1f}v{tall:.1f}h{2 - step:.1f}z")
        if path:
            parts.append(f'<path d="{"".join(path)}" fill="{colour}"/>')
    return parts


def _axes(plot: Box, top: float, seconds: float) -> list[str]:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = plot.y + plot.height * (1 - share)
        parts.append(f'<line class="grid" x1="{plot.x:.0f}" y1="{y:.1f}" x2="{plot.x + plot.width:.0f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="note" x="{plot.x - 6:.0f}" y="{y + 4:.1f}" text-anchor="end">{_short(top * share)}</text>'
        )
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        x = plot.x + plot.width * share
        y = plot.y + plot.height + 14
        parts.append(
            f'<text class="note" x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{seconds * share:.0f} s</text>'
        )
    return parts


def _bounds(plot: Box, top: float, annotations: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines where alarms ring; of those far above the picture there is only a word."""
    parts, above = [], []
    for one in annotations:
        if one["value"] > top:
            above.append(f"{one['value']:,}")
            continue
        y = plot.y + plot.height * (1 - one["value"] / top)
        parts.append(
            f'<line class="bound" x1="{plot.x:.0f}" y1="{y:.1f}" x2="{plot.x + plot.width:.0f}" y2="{y:.1f}"/>'
        )
    if above:
        place = f'x="{plot.x + plot.width:.0f}" y="{plot.y + 14:.0f}" text-anchor="end"'
        parts.append(f'<text class="note" {place}>alarms above the picture: {", ".join(above)}</text>')
    return parts


def _legend(box: Box, shown: Sequence[Shown]) -> tuple[list[str], int]:
    """The legend at the panel's foot, and the number of its rows."""
    placed: list[tuple[float, int, int]] = []
    x, row = box.x + _PAD, 0
    for number, one in enumerate(shown):
        width = 26 + _LETTER * len(one.label)
        if x + width > box.x + box.width - 4 and placed:
            x, row = box.x + _PAD, row + 1
        placed.append((x, row, number))
        x += width
    rows = row + 1
    parts = []
    colours = _colours(shown)
    for x, row, number in placed:
        y = box.y + box.height - (rows - row) * _LEGEND_ROW
        parts.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="10" height="10" rx="2" fill="{colours[number]}"/>')
        parts.append(f'<text class="note" x="{x + 14:.0f}" y="{y + 9:.0f}">{escape(shown[number].label)}</text>')
    return parts, rows


def _top(shown: Sequence[Shown], *, stacked: bool) -> float:
    """The value at the upper end: the next round one above everything."""
    rows = [[value or 0.0 for value in one.series] for one in shown]
    most = max(map(sum, zip(*rows, strict=True))) if stacked else max(map(max, rows))
    if most <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(most))
    return next(unit * step for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if unit * step >= most * 0.9999)


def _runs(series: Series) -> list[list[tuple[int, float]]]:
    """The values without gaps between them, each with its place."""
    runs: list[list[tuple[int, float]]] = []
    for at, value in enumerate(series):
        if value is None:
            continue
        if runs and runs[-1][-1][0] == at - 1:
            runs[-1].append((at, value))
        else:
            runs.append([(at, value)])
    return runs


def _short(value: float) -> str:
    if value == 0 or value >= 100:  # noqa: PLR2004 - three digits say enough
        return f"{value:,.0f}"
    text = f"{value:.3g}"
    return f"{value:.6f}".rstrip("0") if "e" in text else text


def _colours(shown: Sequence[Shown]) -> list[str]:
    """A colour for each series: an outcome's own, or else by its place."""
    given: Counter[str] = Counter()
    colours = []
    for number, one in enumerate(shown):
        outcome = one.label.rpartition(" ")[2]
        shades = _OUTCOMES.get(outcome, ())
        colours.append(shades[given[outcome] % len(shades)] if shades else _COLOURS[number % len(_COLOURS)])
        given[outcome] += 1
    return colours


def _panel(box: Box) -> str:
    place = f'x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" height="{box.height:.0f}"'
    return f'<rect class="panel" {place} rx="6"/>'


def _title(box: Box, widget: Mapping[str, Any]) -> str:
    return f'<text class="title" x="{box.x + _PAD}" y="{box.y + 21}">{escape(widget["properties"]["title"])}</text>'


def _group(*parts: str) -> str:
    return "\n".join(["<g>", *parts, "</g>"])
