"""Tests import public names only, so that what is behind them can change without a change of the tests."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def private_imports(source: str) -> Iterator[tuple[int, str]]:
    """The line and the name of each import of something private: a name, or a module on the way to it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            for name in node.names:
                if any(map(private, [*module.split("."), *name.name.split(".")])):
                    yield node.lineno, name.name


def test_no_test_imports_a_private_name() -> None:
    files = sorted(TESTS.rglob("*.py"))
    assert len(files) > 100
    imports = [
        f"{file.relative_to(TESTS.parent)}:{line}: {name}"
        for file in files
        for line, name in private_imports(file.read_text(encoding="utf-8"))
    ]
    assert imports == []


def test_a_private_import_is_seen_in_each_of_its_forms() -> None:
    source = """
from __future__ import annotations
from untag.core import Timing
from untag.sweep.service import Sweeper, _Invocation
import untag._inside
def late():
    from untag._inside import Public
"""
    assert list(private_imports(source)) == [(4, "_Invocation"), (5, "untag._inside"), (7, "Public")]
