"""The template on this machine: queues, topic, bus, rules and functions. No Docker, no cloud account.

`python -m local` starts it for a person; `local.stack.Stack` is the same thing for a test or a script.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder."""
