"""A local stack that is up in a process of its own."""

import contextlib
import json
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import warm

END_SECONDS = 60.0


@contextlib.contextmanager
def up(*options: str, cwd: Path, env: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """While it lasts, `untag local up` runs. Gives what it says of itself, and after its end what stood on stderr as
    `errors`.
    """
    reading, writing = os.pipe()
    with (
        os.fdopen(reading, encoding="utf-8") as out,
        tempfile.TemporaryFile() as err,
        Path(os.devnull).open() as nothing,
    ):
        files = (nothing.fileno(), writing, err.fileno())
        with warm.start("local", "up", "--json", "--no-logs", *options, cwd=cwd, env=env, files=files) as process:
            os.close(writing)
            described: dict[str, Any] = {}
            try:
                line = out.readline()
                described |= json.loads(line) if line else {}
                assert described, _text(err)
                yield described
            finally:
                process.send_signal(signal.SIGINT)
                code = process.wait(END_SECONDS)
                described["errors"] = _text(err)
        assert code == 0, described["errors"]


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode())
