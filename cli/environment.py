"""The variables `UNTAG_*` of this shell, as the functions of a stack read them."""

import os
from typing import TYPE_CHECKING

from cli.errors import INVALID, CommandError

if TYPE_CHECKING:
    from untag.settings import Settings


def settings() -> "Settings":
    """What the environment says. Raises CommandError that names the variable that is wrong."""
    from untag.contracts import InvalidInputError  # noqa: PLC0415 - what only prints help need not load it
    from untag.settings import Settings  # noqa: PLC0415

    try:
        made = Settings.from_environment(os.environ)
    except InvalidInputError as error:
        raise CommandError(str(error), "set the variable anew, or unset it", status=INVALID) from None
    if made.credentials.startswith("secretsmanager:"):
        raise CommandError(
            "UNTAG_CREDENTIALS: should be env or file:PATH where no host keeps secrets",
            "with credentials in a file: UNTAG_CREDENTIALS=file:accounts.json",
            status=INVALID,
        )
    return made
