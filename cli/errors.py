"""What goes wrong, in words that say what to do next, with the status that the process ends with.

CommandError            the command cannot do what was asked
├── InvalidFilesError   files do not validate: every problem in them, and nothing was done
└── UnconfirmedError    a change of tags was not confirmed, so nothing was changed
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from local.errors import FAILED, INVALID, WAITING

__all__ = ["FAILED", "INVALID", "WAITING", "CommandError", "FileProblem", "InvalidFilesError", "UnconfirmedError"]


class CommandError(Exception):
    """The command cannot do what was asked; `hint` says what would help."""

    def __init__(self, message: str, hint: str = "", *, status: int = FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.status = status

    def body(self) -> dict[str, Any]:
        """The error as `--json` prints it."""
        return {"error": str(self), "hint": self.hint}


class FileProblem(NamedTuple):
    """One thing that is wrong with a file. `path` is the field's, as in `resources.0.ids.1`."""

    file: str
    line: int | None
    path: str
    message: str
    hint: str = ""

    def place(self) -> str:
        """Where it is: file, line and field, as far as there are such."""
        return ":".join(filter(None, (self.file, str(self.line or ""), f" {self.path}" if self.path else "")))


class InvalidFilesError(CommandError):
    """Files do not validate. Carries every problem; nothing was done."""

    def __init__(self, problems: Iterable[FileProblem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(
            f"{count} problem{'' if count == 1 else 's'} in the input: nothing was done",
            "correct them all, then the same command again",
            status=INVALID,
        )

    def body(self) -> dict[str, Any]:
        """With a row for each problem."""
        return {**super().body(), "problems": [problem._asdict() for problem in self.problems]}


class UnconfirmedError(CommandError):
    """Nobody confirmed a change of tags, so nothing was changed."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint, status=INVALID)
