"""From what a terminal shows to an SVG. No font is fetched: the reader's own monospaced font is used."""

import io
import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from rich.console import Console, RenderableType
from rich.text import Text

from local.live.picture import picture
from local.live.view import View

COLUMNS = 100
LIVE_LINES = 28

_FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
# rich's own form, without its web fonts and with a title for those who do not see the picture.
_FORM = """\
<svg class="rich-terminal" viewBox="0 0 {{width}} {{height}}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>{title}</title>
<style>
.{{unique_id}}-matrix {{{{font-family: {fonts}; font-size: {{char_height}}px; line-height: {{line_height}}px;}}}}
.{{unique_id}}-title {{{{font-family: system-ui, sans-serif; font-size: 18px; font-weight: bold;}}}}
{{styles}}
</style>
<defs>
<clipPath id="{{unique_id}}-clip-terminal">
<rect x="0" y="0" width="{{terminal_width}}" height="{{terminal_height}}" />
</clipPath>
{{lines}}
</defs>
{{chrome}}
<g transform="translate({{terminal_x}}, {{terminal_y}})" clip-path="url(#{{unique_id}}-clip-terminal)">
{{backgrounds}}
<g class="{{unique_id}}-matrix">
{{matrix}}
</g>
</g>
</svg>
"""
_MOMENT = re.compile(r"(?<![\d:])\d\d:\d\d(?![\d:])")
_REST = re.compile(r"(?<![\d:])\d:\d\d(?![\d:])")
"""A time of day, and minutes with seconds until something is due."""


def command_picture(name: str, command: str, printed: str) -> str:
    """What a command printed on a terminal, with its colours, under the command itself."""
    printed = _REST.sub("4:12", _MOMENT.sub("14:05", printed.replace("\r", "").rstrip()))
    shown = Text.assemble(("$ ", "bold green"), command, "\n\n").append_text(Text.from_ansi(printed))
    return svg_of(name, command, shown)


def live_picture(seen: Mapping[str, Any]) -> str:
    """The live view's first page."""
    command = "untag local watch"
    return svg_of("live", command, picture(seen, COLUMNS, LIVE_LINES, View()), height=LIVE_LINES)


def svg_of(name: str, title: str, shown: RenderableType, height: int | None = None) -> str:
    """What a terminal of `COLUMNS` shows; `name` keeps two pictures on one page apart."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(shown, height=height, soft_wrap=height is None)
    form = _FORM.format(title=escape(title), fonts=_FONTS)
    return console.export_svg(title=title, code_format=form, unique_id=name)
