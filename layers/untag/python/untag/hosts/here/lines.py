"""Appends lines to a file: a process that is killed while it writes spoils no line but its own."""

import os
from collections.abc import Iterable
from pathlib import Path


def append(path: Path, lines: Iterable[str]) -> None:
    """Write lines behind those of a file. Raises OSError."""
    text = "".join(f"{line}\n" for line in lines)
    if not text:
        return
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")  # what a killed process had begun to write spoils no line but its own
        # Half a character of a tag's value stands as its escape, which JSON reads.
        file.write(text.encode(errors="backslashreplace"))
