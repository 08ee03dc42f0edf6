"""The commands of `untag local`: start, watch and end a stack, invoke and inspect it, inject faults.

Each module gives its commands to the one `app`, and the help lists them in this order.
"""

from local.commands import lifetime, events, faults  # noqa: I001 - their order is the help's
from local.commands.base import app

__all__ = ["app", "events", "faults", "lifetime"]
