"""The role for other accounts: who may assume it, and that the linter has nothing to say of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TEMPLATE = Path(__file__).parents[2] / "deploy" / "aws-role.yaml"


def test_cfn_lint_finds_nothing_to_say() -> None:
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--include-checks", "I", "--", str(TEMPLATE)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_nobody_assumes_the_role_without_the_external_id_and_it_may_do_nothing_but_tags() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    assert "sts:ExternalId: !Ref ExternalId" in text
    actions = [line.strip(" -") for line in text.splitlines() if line.startswith(" " * 18 + "- ")]
    assert "tag:UntagResources" in actions
    assert all("tag" in action.lower() for action in actions)
    assert not any("*" in action for action in actions)
