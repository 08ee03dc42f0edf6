"""`untag local`: the commands of the local stack, loaded when one of them is called."""

import os
import sys

import typer

from cli import base
from cli.errors import CommandError
from local.terminal import hints

_NAME = "local"
_HELP = "The template on this machine: queues, topic, functions and clouds, without Docker or an account."
_AS_THEY_ARE = {"allow_extra_args": True, "ignore_unknown_options": True}


def _call(ctx: typer.Context) -> None:
    called = f"{hints.PROGRAM} {_NAME}"
    try:
        from cli.commands import local_files  # noqa: PLC0415 - with all of the local stack's it takes a while

        status = local_files.app(ctx.args, prog_name=called, standalone_mode="--json" not in sys.argv)
    except ModuleNotFoundError as error:
        raise CommandError(
            f"the local stack needs packages that are not installed, {error.name} among them",
            "install untag with the packages of the local stack: pipx install '.[local]'",
        ) from None
    raise typer.Exit(status or 0)


if f"_{hints.PROGRAM.upper()}_COMPLETE" in os.environ:
    from cli.commands.local_files import app as commands_of_local

    base.app.add_typer(commands_of_local, name=_NAME, help=_HELP)
else:
    base.app.command(_NAME, help=_HELP, context_settings=_AS_THEY_ARE, add_help_option=False)(_call)
