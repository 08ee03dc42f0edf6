"""What AWS's own linter says of the template, as it is written and with its options on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.template.reading import BROUGHT, EVERYTHING, decided, transform

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
TEMPLATES = [TEMPLATE, TEMPLATE.with_name("observability.yaml")]

Json = dict[str, Any]


def lint(*arguments: str) -> tuple[int, str, str]:
    # `I` adds the remarks that it keeps to itself otherwise. A process of its own: it changes global state.
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--include-checks", "I", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.returncode, answer.stdout, answer.stderr


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_cfn_lint_finds_nothing_to_say_not_even_in_passing(template: Path) -> None:
    assert lint("--", str(template)) == (0, "", "")


@pytest.mark.parametrize("parameters", [EVERYTHING, BROUGHT], ids=["everything on", "everything brought"])
def test_nor_of_what_is_created_with_the_options_on(source: Json, tmp_path: Path, parameters: dict[str, str]) -> None:
    template = decided(transform(source, parameters), source, parameters)
    for section in ("Resources", "Outputs"):
        for entry in template[section].values():
            entry.pop("Condition", None)
    declared = source["Parameters"].items()
    template["Parameters"] = {name: one | {"Default": parameters.get(name, one["Default"])} for name, one in declared}
    written = tmp_path / "template.json"
    written.write_text(json.dumps(template), encoding="utf-8")
    # W2001: a parameter that only conditions used is used by nothing once they are decided.
    assert lint("--ignore-checks", "W2001", "--", str(written)) == (0, "", "")
