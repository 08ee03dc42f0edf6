"""The stack that a command's options mean."""

from cli.deployed.aws.calls import deployed, on_this_machine
from cli.deployed.aws.stack import AwsStack
from cli.deployed.base import Place, Stack
from cli.deployed.local import ask_local
from cli.errors import INVALID, CommandError


def stack_at(place: Place) -> Stack:
    """The stack that is meant. Raises CommandError."""
    if place.local and place.stack is not None:
        raise CommandError("--stack and --local mean different stacks", "name one of them", status=INVALID)
    if not place:
        raise CommandError(
            "which stack is not said", "--stack NAME for a deployed one, --local for the local one", status=INVALID
        )
    return _local(place) if place.local else AwsStack(deployed(place))


def _local(place: Place) -> Stack:
    content = ask_local("describe")
    if "aws" not in content:
        raise CommandError(
            f"the local stack that is up runs on {content['host']}, and this command is for AWS",
            "see what it does: untag local state",
        )
    return AwsStack(on_this_machine(place, content))
