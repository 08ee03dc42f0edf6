"""The stack that a command's options mean."""

from cli.deployed.base import Place, Stack
from cli.deployed.local import ask_local
from cli.errors import INVALID, CommandError

# A host's calls are imported when a stack of that host is meant.


def stack_at(place: Place) -> Stack:
    """The stack that is meant. Raises CommandError."""
    meant = {"--stack": place.stack, "--functiongraph": place.functiongraph, "--local": place.local or None}
    options = [option for option, value in meant.items() if value is not None]
    if len(options) > 1:
        raise CommandError(f"{' and '.join(options)} mean different stacks", "name one of them", status=INVALID)
    if not options:
        raise CommandError(
            "which stack is not said",
            "--stack NAME for one deployed on AWS, --functiongraph FILE for one on FunctionGraph, --local for the "
            "local one",
            status=INVALID,
        )
    if place.functiongraph is not None:
        from cli.deployed.functiongraph import calls as of_functiongraph  # noqa: PLC0415
        from cli.deployed.functiongraph.stack import FunctionGraphStack  # noqa: PLC0415

        return FunctionGraphStack(of_functiongraph.deployed(place, place.functiongraph))
    if place.local:
        return _local(place)
    from cli.deployed.aws import calls as of_aws  # noqa: PLC0415
    from cli.deployed.aws.stack import AwsStack  # noqa: PLC0415

    return AwsStack(of_aws.deployed(place))


def _local(place: Place) -> Stack:
    """The local stack, by what runs it."""
    described = ask_local("describe")
    if described["host"] == "functiongraph":
        from cli.deployed.functiongraph import calls as of_functiongraph  # noqa: PLC0415
        from cli.deployed.functiongraph.stack import FunctionGraphStack  # noqa: PLC0415

        return FunctionGraphStack(of_functiongraph.on_this_machine(place, described, ask_local("environment")))
    from cli.deployed.aws import calls as of_aws  # noqa: PLC0415
    from cli.deployed.aws.stack import AwsStack  # noqa: PLC0415

    return AwsStack(of_aws.on_this_machine(place, described))
