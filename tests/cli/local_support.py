"""A local stack that is up in another process."""

import contextlib
import json
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

from cli_support import Untag


@contextlib.contextmanager
def up(untag: Untag, *options: str) -> Iterator[dict[str, Any]]:
    """While it lasts, the stack to which the commands of `untag` speak is up; gives what it says of itself."""
    untag.environ["UNTAG_LOCAL_SESSION"] = str(untag.folder / "stack.json")
    command = untag.command("local", "up", "--json", "--no-logs", *options)
    with subprocess.Popen(
        command, cwd=untag.folder, env=untag.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.communicate(timeout=30)[1]
            yield json.loads(line)
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
