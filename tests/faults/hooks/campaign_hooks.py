"""The hooks: time in a hurry, a process that dies in the middle, and planted bugs (`mutants`, `cloud_mutants`)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from process import Reaper, hurry

import untag.hosts.aws.client
import untag.hosts.aws.host
import untag.runtime
from untag.core import Timing

AWS_CALL_SECONDS = 3.0
"""A call to moto has so long, in real time."""
MOST_STEPS = 40
"""Steps within which a process dies that is to die."""


def install(environ: Mapping[str, str]) -> None:
    """Everything that the environment asks for."""
    _hurry(float(environ["CAMPAIGN_SPEED"]), float(environ["CAMPAIGN_SLACK"]))
    _watch(Path(environ["CAMPAIGN_FLAGS"]))
    if environ.get("CAMPAIGN_MUTANT"):
        import cloud_mutants  # noqa: F401 - they make themselves known
        import mutants  # noqa: F401
        from planting import MUTANTS

        MUTANTS[environ["CAMPAIGN_MUTANT"]]()


def _hurry(speed: float, slack: float) -> None:
    """Every time-out, pause and deadline of the function passes `speed` times as fast, all by the same factor.

    Dates stay as they are, since signatures bear them. A function's end comes `slack` real seconds later than it knows.
    """
    seconds = hurry(speed)
    # moto runs on this machine, and no fault makes it slow: a send that is given up and carried out all the same would
    # be this machine's own fault, and it doubles the message.
    untag.hosts.aws.client._CALL_SECONDS = AWS_CALL_SECONDS * speed

    plain = untag.runtime.Runtime.window

    def window(self: Any, left: Callable[[], float]) -> Any:
        return plain(self, lambda: (left() - slack) * speed)

    untag.hosts.aws.host.Timing = lambda: Timing(monotonic=seconds)
    untag.runtime.Runtime.window = window


def _watch(flags: Path) -> None:
    """Each invocation may be one that dies."""
    reaper = Reaper(flags, MOST_STEPS)
    window = untag.runtime.Runtime.window

    def opened(runtime: Any, left: Callable[[], float]) -> Any:
        reaper.draw()
        return window(runtime, left)

    untag.runtime.Runtime.window = opened
    reaper.watch(untag.hosts.aws.client.Aws)
