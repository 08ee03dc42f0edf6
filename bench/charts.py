"""Charts as SVG, written by hand: bars, and a line over a logarithmic axis."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_WIDTH = 720
_LEFT = 250
_ROW = 30
_COLOURS = {"own": "#2563eb", "sdk": "#d97706", "floor": "#9ca3af"}
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#111827}.title{font-weight:600;font-size:15px}"
    ".note{fill:#6b7280}@media(prefers-color-scheme:dark){text{fill:#e5e7eb}.note{fill:#9ca3af}}"
)


class Bar(NamedTuple):
    """A bar: what it is, how long, and whose (`own`, `sdk`, `floor`)."""

    label: str
    value: float
    whose: str


def bars(title: str, unit: str, rows: Sequence[Bar]) -> str:
    """Horizontal bars from zero."""
    most = max(row.value for row in rows)
    room = _WIDTH - _LEFT - 90
    parts = []
    for at, row in enumerate(rows):
        y = 48 + at * _ROW
        length = max(1.0, room * row.value / most)
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(row.label)}</text>')
        parts.append(
            f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="20" rx="2" fill="{_COLOURS[row.whose]}"/>'
        )
        parts.append(f'<text x="{_LEFT + length + 6:.1f}" y="{y + 15}">{row.value:.3g} {escape(unit)}</text>')
    return _svg(title, 60 + len(rows) * _ROW, parts)


def line(title: str, note: str, points: Sequence[tuple[int, float]]) -> str:
    """A value over numbers that grow tenfold, from zero up."""
    most = max(value for _, value in points) * 1.25
    height, top, right = 220, 50, _WIDTH - 60
    step = (right - 80) / max(1, len(points) - 1)
    places = [
        (80 + at * step, top + height * (1 - value / most), number, value) for at, (number, value) in enumerate(points)
    ]
    parts = [f'<line x1="80" y1="{top + height}" x2="{right}" y2="{top + height}" stroke="#9ca3af"/>']
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, *_ in places)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{_COLOURS["own"]}" stroke-width="2"/>')
    for x, y, number, value in places:
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{_COLOURS["own"]}"/>')
        parts.append(f'<text x="{x:.1f}" y="{y - 10:.1f}" text-anchor="middle">{value:.3g}</text>')
        parts.append(f'<text x="{x:.1f}" y="{top + height + 20}" text-anchor="middle">{number:,}</text>')
    parts.append(f'<text class="note" x="80" y="{top + height + 44}">{escape(note)}</text>')
    return _svg(title, top + height + 60, parts)


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            f'<text class="title" x="16" y="28">{escape(title)}</text>',
            *parts,
            "</svg>",
            "",
        ]
    )
