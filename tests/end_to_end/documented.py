"""The commands and policies of the docs, and a shell for them in which `aws` speaks to a local stack."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import warm

if TYPE_CHECKING:
    from local.stack import Stack

DOCS = Path(__file__).parents[2] / "docs"

_BLOCK = re.compile(r"<!-- (\w+): ([\w -]+?) -->\n```\w+\n(.*?)```", re.DOTALL)

AWS = Path(__file__).with_name("aws_of_the_docs.py")


def blocks(page: str, kind: str) -> dict[str, str]:
    """The marked blocks of a page, by name."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return {name: block for found, name, block in _BLOCK.findall(text) if found == kind}


def hurried(script: str) -> str:
    """A script that does not wait for what comes late to a queue."""
    return script.replace("--wait-time-seconds 2", "--wait-time-seconds 0")


class Shell:
    """A bash in which `aws` is the stack's."""

    def __init__(self, stack: Stack, folder: Path, answers: dict[str, Any] | None = None) -> None:
        warm.script(folder / "aws", AWS)
        self.folder = folder
        self._called = folder / "called.jsonl"
        self._environment = {
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            # What the local services do not have; what was asked is written down.
            "AWS_ANSWERS": json.dumps(answers or {}),
            "AWS_CALLED": str(self._called),
            "AWS_ENDPOINT_URL": stack.aws.url,
            "AWS_REGION": stack.region,
            "AWS_DEFAULT_REGION": stack.region,
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
        }

    def run(self, text: str) -> str:
        """What a script prints; an AssertionError with what it complained of if it fails."""
        command = ["bash", "-u", "-o", "pipefail", "-c", text]
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr or done.stdout
        return done.stdout

    def called(self) -> list[Any]:
        """The calls that the local services do not have."""
        return [json.loads(line) for line in self._called.read_text().splitlines()]
