"""Stands for the runtime's typing-extensions 4.12.2: what `typing` has, and nothing that is newer.

So what needs a newer one fails here as it does there: "cannot import name 'Sentinel'".
"""

from typing import *  # noqa: F403

__version__ = "4.12.2"
