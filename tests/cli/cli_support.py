"""Calls the command as a person or a script does."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import warm

from local import ROOT


class Done(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


class Untag:
    """Calls `untag` in a folder of its own, with a ledger of its own and the local cloud's credentials."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.folder = folder
        self.ledger = folder / "ledger"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("UNTAG_", "AWS_"))}
        paths = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "untag" / "python")])
        self.environ = {**kept, **variables, "UNTAG_LEDGER": str(self.ledger), "PYTHONPATH": paths}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "cli", *words]

    def __call__(self, *words: str, stdin: str = "", **environ: str) -> Done:
        done = warm.run(*words, cwd=self.folder, env={**self.environ, **environ}, stdin=stdin)
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def write(self, name: str, content: Any) -> str:
        """A file in the folder; what is no text is written as JSON."""
        text = content if isinstance(content, str) else json.dumps(content)
        (self.folder / name).write_bytes(text.encode())
        return name

    def reports(self) -> list[dict[str, Any]]:
        """Every report in the ledger."""
        files = sorted(self.ledger.glob("*/reports.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


def request(ids: Sequence[str], **fields: Any) -> dict[str, Any]:
    body = {"provider": "jdcloud", "region": "cn-north-1", "tags": [{"key": "env", "value": "prod"}]}
    return {**body, "resources": [{"type": "vm", "ids": list(ids)}], **fields}
