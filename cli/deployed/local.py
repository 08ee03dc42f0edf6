"""The local stack that is up, as the commands find it."""

import os
from pathlib import Path
from typing import Any

from cli.errors import CommandError
from local.errors import NotRunning

_SESSION_VARIABLE = "UNTAG_LOCAL_SESSION"
"""The variable by which the commands of the local stack find it as well."""


def ask_local(what: str) -> Any:
    """What the local stack answers: `describe`, `environment` or `state`. Raises CommandError where none is up."""
    from local.session import control  # noqa: PLC0415 - a deployed stack needs none of it

    try:
        return control.Client(Path(os.environ.get(_SESSION_VARIABLE) or control.SESSION)).get(what)
    except NotRunning as error:
        raise CommandError(str(error), "start one in another terminal: untag local up") from None
