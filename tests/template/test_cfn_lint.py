"""What AWS's own linter says of the template."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TEMPLATE = Path(__file__).parents[2] / "template.yaml"


def test_cfn_lint_finds_nothing_to_say_not_even_in_passing() -> None:
    # `I` adds the remarks that it keeps to itself otherwise. A process of its own: it changes global state.
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--include-checks", "I", "--", str(TEMPLATE)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
