"""The template on this machine: queues, topic, bus, rules and functions. No Docker, no cloud account.

`untag local up` starts it for a person; `local.stack.Stack` is the same thing for a test or a script.
"""

import os
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_PACKAGED = _HERE / "project"
INSTALLED = _PACKAGED.is_dir()
"""Whether this is an installed package, which has the project's files inside, and no checkout of the project."""

ROOT = _PACKAGED if INSTALLED else _HERE.parent
"""The project's folder."""

RUNTIME_PYTHON = Path(sys.executable) if INSTALLED else ROOT / ".venv-runtime" / "bin" / "python"
"""The interpreter that runs functions: a checkout has the deployed one's packages in an environment of their own."""

STATE = (
    Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "untag"
    if INSTALLED
    else ROOT / ".local"
)
"""Where a stack that is up leaves word of itself."""
