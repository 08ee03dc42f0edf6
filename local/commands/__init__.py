"""The commands of `untag local`: `lifetime` starts and watches a stack, `events` sends to one, `faults` makes its
clouds misbehave. Each module gives its commands to the one `app`, and the help lists them in this order.
"""

from local.commands import lifetime, events, faults  # noqa: I001 - their order is the help's
from local.commands.base import app

__all__ = ["app", "events", "faults", "lifetime"]
