"""The live view: `observer` looks at a stack, `picture` draws what it saw, `watching` shows it until it is stopped.

What passes between them is one JSON object, so that a stack in another process is watched just as well.
"""

from local.live.observer import Observer
from local.live.watching import stop_on_signals, watch

__all__ = ["Observer", "stop_on_signals", "watch"]
