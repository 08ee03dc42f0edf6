"""Code metrics: classes, lines, modules at the package's root, and import cycles.

    .venv/bin/python tools/house_figures.py [PACKAGE]

PACKAGE is the folder of the package, this checkout's by default; another checkout's shows how it was there.
"""

import ast
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "layers" / "untag" / "python" / "untag"


def imports_of(path: Path, modules: dict[str, Path]) -> set[str]:
    """The modules of the package that a module imports when it is itself imported, or for its types."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names & modules.keys()


def cycles_in(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that reach each other (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                groups.append(sorted(group))

    for name in graph:
        if name not in index:
            visit(name)
    return groups


def main(package: Path) -> None:
    """Print the figures."""
    files = sorted(package.rglob("*.py"))
    modules = {
        ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in files
    }
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}
    classes = sum(isinstance(node, ast.ClassDef) for tree in trees.values() for node in ast.walk(tree))
    graph = {name: imports_of(path, modules) - {name} for name, path in modules.items()}
    # A folder's own `__init__` gives names of its modules on: that is no cycle.
    graph = {name: {other for other in others if not name.startswith(f"{other}.")} for name, others in graph.items()}
    print(f"modules             {len(files)}")
    print(f"classes             {classes}")
    print(f"lines               {sum(len(path.read_text(encoding='utf-8').splitlines()) for path in files)}")
    print(f"modules at the root {len(list(package.glob('*.py'))) - 1}")
    cycles = cycles_in(graph)
    print(f"import cycles       {len(cycles)}")
    for cycle in cycles:
        print("  " + ", ".join(cycle))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else PACKAGE)
