"""What goes wrong before anything runs, in words that say what to do next.

LocalError              the local stack cannot do what was asked
├── TemplateError       the template holds something that cannot be read, resolved or created here
└── NotRunning          a command needs a running stack, and there is none
"""


class LocalError(Exception):
    """The local stack cannot do what was asked; `hint` says what would help."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class TemplateError(LocalError):
    """The template holds something that cannot be read, resolved or created here."""


class NotRunning(LocalError):  # noqa: N818  it is a state, not a mistake
    """A command needs a running stack, and there is none."""
