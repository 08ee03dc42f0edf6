"""What goes wrong before anything runs, in words that say what to do next.

LocalError              the local stack cannot do what was asked
├── TemplateError       the template holds something that cannot be read, resolved or created here
└── NotRunning          a command needs a running stack, and there is none
"""

FAILED = 1
"""The status that a command ends with where something failed, or does not go now."""
INVALID = 2
"""The status where the input is not valid, or is not confirmed: nothing was called."""
WAITING = 3
"""The status where something still waits, or the command was interrupted with work left."""


class LocalError(Exception):
    """The local stack cannot do what was asked; `hint` says what would help, `status` how the command ends."""

    def __init__(self, message: str, hint: str = "", *, status: int = INVALID) -> None:
        super().__init__(message)
        self.hint = hint
        self.status = status


class TemplateError(LocalError):
    """The template holds something that cannot be read, resolved or created here."""


class NotRunning(LocalError):  # noqa: N818  it is a state, not a mistake
    """A command needs a running stack, and there is none."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, status=FAILED)
