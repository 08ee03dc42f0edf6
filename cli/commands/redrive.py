"""`untag redrive`: sends dead letters back to the queue that they came from."""

from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from cli import base
from cli.commands.dead_letters import Code, OfBatch, show_by_code
from cli.confirming import confirm
from cli.errors import WAITING, CommandError
from local.terminal.console import counted

if TYPE_CHECKING:
    from cli.deployed.base import DeadLetter, Redriven, Stack


@base.app.command()
def redrive(
    *,
    stack: base.StackName = None,
    stack_region: base.StackRegion = None,
    functiongraph: base.FunctionGraphFile = None,
    local: base.LocalStack = False,
    code: Code = None,
    batch: OfBatch = None,
    yes: base.Yes = False,
    expect: base.ExpectLetters = None,
    as_json: base.Json = False,
) -> None:
    """Ask, and send dead letters back to the queue that they came from, each deleted once it is taken.

    Those with the code `invalid` stay. Exit code: 0 all sent, 1 refused, 2 not confirmed, 3 stopped with some left.
    """
    from cli.commands.planning import progress  # noqa: PLC0415 - the help need not load it
    from cli.deployed.base import NEVER, Chosen, Place, Redriven, by_code  # noqa: PLC0415
    from cli.deployed.choice import stack_at  # noqa: PLC0415

    target = stack_at(Place(stack, stack_region, local, functiongraph))
    chosen = Chosen(frozenset(code or ()), batch)
    with progress("dead letters read") as seen:
        letters = target.dead_letters(chosen, seen)
    meant = [letter for letter in letters if letter.code != NEVER]
    invalid = len(letters) - len(meant)
    if invalid:
        base.err.print(
            f"{counted(invalid, 'dead letter')} with the code {NEVER} left: the body would be refused again",
            style="yellow",
            soft_wrap=True,
        )
    done, stopped = Redriven(), False
    if meant or expect:
        if meant and not as_json:
            show_by_code(base.out, by_code(meant))
        confirm([], len(meant), yes=yes, expect=expect, what="dead letter", show=False)
        stopped = _send_back(target, meant, done)
    left = len(meant) - done.sent
    answer = {"redriven": done.sent, "left": left, "invalid": invalid, "stopped": stopped}
    base.show(answer, _show, as_json=as_json)
    raise typer.Exit(WAITING if left else 0)


def _send_back(target: "Stack", letters: "list[DeadLetter]", done: "Redriven") -> bool:
    """Send them back; whether it was stopped by Ctrl-C."""
    from cli.commands.planning import progress  # noqa: PLC0415

    try:
        with progress("sent back") as seen:
            target.redrive(letters, done, seen)
    except KeyboardInterrupt:
        return True
    except CommandError as error:
        if done.sent:
            base.err.print(f"{counted(done.sent, 'dead letter')} sent back before this:")
        raise CommandError(str(error), error.hint or "the same command again goes on") from None
    return False


def _show(console: Console, answer: dict[str, Any]) -> None:
    colour = "yellow" if answer["left"] else "green"
    console.print(f"[bold {colour}]{counted(answer['redriven'], 'dead letter')} sent back[/]")
    if answer["left"]:
        why = "stopped" if answer["stopped"] else "not seen again: somebody else holds them, or has taken them"
        console.print(f"{answer['left']} left ({why}); the same command again goes on", soft_wrap=True)
