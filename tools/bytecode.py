"""Writes layers/dependencies/bytecode.txt: the modules of other people's packages that a cold start imports.

    .venv-runtime/bin/python tools/bytecode.py

Run it after a dependency or an import has changed; a test says when. It runs under the interpreter that runs functions,
so that nothing is in the way that a function never meets.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "layers" / "dependencies" / "bytecode.txt"
FUNCTIONS = ("remove_tags", "decommission", "sweep")

QUEUE = "https://sqs.eu-west-1.amazonaws.com/000000000000/queue"
ENVIRONMENT = {
    "AWS_REGION": "eu-west-1",
    "UNTAG_QUEUE_URL": QUEUE,
    "UNTAG_DEAD_LETTER_QUEUE_URL": QUEUE,
    "UNTAG_SWEEP_QUEUE_URL": QUEUE,
    "UNTAG_TOPIC_ARN": "arn:aws:sns:eu-west-1:000000000000:reports",
}


def imported() -> list[str]:
    """The files, below site-packages, that importing every function brings in."""
    os.environ |= ENVIRONMENT
    sys.path.insert(0, str(ROOT / "layers" / "untag" / "python"))
    for name in FUNCTIONS:
        sys.path.insert(0, str(ROOT / "functions" / name))
        sys.modules.pop("app", None)
        __import__("app")
        del sys.path[0]
    files = [str(getattr(module, "__file__", None) or "") for module in list(sys.modules.values())]
    below = (file.rpartition("site-packages/")[2] for file in files if "site-packages/" in file)
    return sorted(
        {file for file in below if file.endswith(".py") and not file.startswith(("_distutils", "sitecustom"))}
    )


def main() -> int:
    """Write the list, or with `--check` only say whether it is current."""
    text = "\n".join(imported()) + "\n"
    if sys.argv[1:] == ["--check"]:
        return int(LIST.read_text(encoding="utf-8") != text)
    LIST.write_text(text, encoding="utf-8")
    print(f"{LIST.relative_to(ROOT)}: {text.count(chr(10))} modules")
    return 0


if __name__ == "__main__":
    sys.exit(main())
