"""Which rooms know of which: held by what the modules import, and by the words that stand in them."""

import ast
import re
from pathlib import Path

import pytest

from untag.providers import NAMES

PACKAGE = Path(__file__).parents[2] / "layers" / "untag" / "python" / "untag"
ROOT = {"__init__", "environment", "messages", "runtime", "settings", "startup", "transport", "worker"}
"""What everybody uses."""
HOST_WORDS = re.compile(r"\b(SQS|SNS|Lambda|Secrets Manager|EMF|ARN|arn:aws|batchItemFailures|aws:sqs|CloudWatch)\b")
ENVELOPES = {"SNS"}
"""The one word that `contracts/envelopes.py` may use: a notification is an envelope that requests come in."""


def imports(path: Path) -> set[str]:
    """The modules of the package that a module imports, wherever in it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return {name for name in names if name.partition(".")[0] == "untag"}


def modules(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (PACKAGE / room).rglob("*.py"))


def test_no_provider_imports_another() -> None:
    for name in NAMES:
        others = {f"untag.providers.{other}" for other in NAMES if other != name}
        for path in modules(f"providers/{name}"):
            known = {".".join(module.split(".")[:3]) for module in imports(path)}
            assert not known & others, path


@pytest.mark.parametrize("room", ["contracts", "core", "removal", "decommission", "sweep"])
def test_nothing_but_a_host_imports_a_host(room: str) -> None:
    for path in modules(room):
        hosts = {module for module in imports(path) if module.startswith("untag.hosts")}
        assert hosts <= {"untag.hosts.base"}, path


@pytest.mark.parametrize("room", ["contracts", "core", "removal", "decommission", "sweep"])
def test_no_room_but_a_hosts_speaks_of_a_platform(room: str) -> None:
    for path in modules(room):
        words = set(HOST_WORDS.findall(path.read_text(encoding="utf-8")))
        allowed = ENVELOPES if path == PACKAGE / "contracts" / "envelopes.py" else set()
        assert words <= allowed, path


def test_at_the_root_lies_what_everybody_uses_and_nothing_else() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} == ROOT
