"""Writes docs/clouds.md, the clouds side by side, out of what the providers declare: `python tools/clouds.py`."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "layers" / "untag" / "python"))

from untag.providers import NAMES, Finder, Options, apis_of, events_by_name  # noqa: E402 - the path comes first

PAGE = ROOT / "docs" / "clouds.md"
HEAD = """# The clouds side by side

Written by `make pages` out of what the providers declare; do not edit. What a cloud's documents leave open,
and what untag does about it, stands on the cloud's own page.

"""
WORDS = """
- **in a writing call**: resources and tags that one call takes at most. A thousand resources with equal tags take a
  thousand divided by the first number of calls.
- **guard**: what keeps a removal that names a value from a value that was set since it was read.
- **a failure names**: what an answer of success says of what failed in it. Where it names only the resource, its tags
  are asked for one by one.
- **finds**: what `untag plan`, `untag tags` and sweeps can list. "any tag" is what a rule with `except` needs, "any
  type" what `types: "all"` needs.
- **deletions**: whether the cloud's own events of deleted resources lead to removals.
"""

PACE = """## Pace, and reserved keys

The pace is that of an account, unless its secret or `UNTAG_RATE` says another.

"""


def page() -> str:
    """The whole page."""
    rows = [_row(api.of(Options())) for name in NAMES for api in apis_of(name)]
    head = ["cloud", "API", "in a writing call", "in a read", "guard", "a failure names", "finds", "deletions"]
    calls = table(head, rows)
    keys = table(
        ["cloud", "fields of a secret", "variables of the account `default`"], [_secret(name) for name in NAMES]
    )
    pace = table(["cloud", "API", "calls a second", "keys that are never touched"], [*_paces()])
    return f"{HEAD}{calls}{WORDS}\n## Credentials\n\n{keys}\n{PACE}{pace}"


def _row(api: Any) -> list[str]:
    resources, tags = api.limits.resources, api.limits.keys
    return [
        linked(api.name),
        f"`{api.name}.{api.api}`",
        f"{resources} x {tags}",
        str(api.limits.in_a_read),
        api.facts.guard,
        api.facts.failures,
        _finds(api),
        "yes" if api.facts.outlived and api.name in events_by_name() else "no",
    ]


def _finds(api: Any) -> str:
    if not isinstance(api, Finder):
        return "nothing"
    more = (("any tag", api.finds_any_key), ("any type", api.finds_any_type))
    return ", ".join(["a tag", *(name for name, can in more if can)])


def _secret(name: str) -> list[str]:
    model = apis_of(name)[0].credentials
    fields = (
        f"`{field}`{'' if one.is_required() else ' (optional)'}"
        for field, one in model.model_fields.items()
        if field != "rate"
    )
    return [linked(name), ", ".join(fields), ", ".join(f"`{variable}`" for variable in model.variables.values())]


def _paces() -> Iterator[list[str]]:
    for name in NAMES:
        for api in apis_of(name):
            yield [linked(name), f"`{name}.{api.api}`", f"{api.rate:g}", _reserved(api.of(Options()))]


def _reserved(api: Any) -> str:
    spellings = Counter(prefix.lower() for prefix in api.reserved_prefixes)
    caseless = api.comparable_key("A") == api.comparable_key("a")
    told = (f"`{prefix}*`{' in any case' if caseless or count > 1 else ''}" for prefix, count in spellings.items())
    return ", ".join(told) or "none"


def linked(name: str) -> str:
    """A cloud's name with a link to its page, for a page of docs/."""
    own = ROOT / "docs" / "providers" / f"{name}.md"
    return f"[`{name}`](providers/{name}.md)" if own.exists() else f"`{name}`"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Rows as a table of a page."""
    lines = ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
