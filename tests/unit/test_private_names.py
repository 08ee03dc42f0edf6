"""Tests import public names and patch none, so that what is behind them can change without a change of the tests."""

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


def patched(source: str) -> Iterator[tuple[int, str]]:
    """The line and the target of each `setattr` that replaces a part of the package, by its path or by its name."""
    tree = ast.parse(source)
    ours = {
        (name.asname or name.name).partition(".")[0]
        for node in ast.walk(tree)
        for name in (node.names if isinstance(node, ast.Import | ast.ImportFrom) else ())
        if (node.module if isinstance(node, ast.ImportFrom) and node.module else name.name).partition(".")[0] == "untag"
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith("setattr") or not node.args:
            continue
        target = ast.unparse(node.args[0])
        if target.strip("'").startswith("untag.") or target.partition(".")[0] in ours:
            yield node.lineno, target


def test_no_test_of_the_package_puts_something_in_the_place_of_a_part_of_it() -> None:
    files = sorted(file for folder in ("unit", "functiongraph") for file in (TESTS / folder).glob("*.py"))
    found = [f"{file.name}:{line}: {target}" for file in files for line, target in patched(file.read_text("utf-8"))]
    assert found == [], "give the house a provider, the function its work, a server what it says"


def test_a_patch_is_seen_in_each_of_its_forms() -> None:
    source = """
import untag.worker
from untag.core import Engine as Motor
from untag.sweep import walk
monkeypatch.setattr(Motor, "run", run)
monkeypatch.setattr("untag.worker.rejected_dead_letter", raising)
setattr(walk.Walk, "go", go)
patched.setattr(untag.worker, "x", 1)
monkeypatch.setattr(socket, "socketpair", never)
monkeypatch.setattr("os.urandom", never)
"""
    assert [line for line, _ in patched(source)] == [5, 6, 7, 8]


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
