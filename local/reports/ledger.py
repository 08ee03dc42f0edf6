"""The ledger: the folder that keeps reports, and what the local stack writes into it.

LEDGER/local/reports.jsonl    a report in a line, as it was published

The folder is one run among the command's own. A report that comes twice counts once, by its `report_id`: so it does no
harm to send the same event to one stack after another.
"""

import json
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from local import package

FOLDER = "local"
_REPORTS = "reports.jsonl"


def default_folder(environ: Mapping[str, str], *, platform: str = sys.platform, home: Path | None = None) -> Path:
    """The ledger's folder: `UNTAG_LEDGER`, else one of the user's own."""
    if named := environ.get("UNTAG_LEDGER"):
        return Path(named)
    home = home or Path.home()
    if platform == "darwin":
        return home / "Library" / "Application Support" / "untag" / "ledger"
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "untag" / "ledger"
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "untag" / "ledger"


class LedgerFile:
    """The local stack's file in a ledger. Raises OSError where its folder cannot be made."""

    def __init__(self, ledger: Path) -> None:
        package.find()
        from untag.hosts.here import append  # noqa: PLC0415

        self._append = append
        self._lock = threading.Lock()
        folder = ledger / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / _REPORTS

    def add(self, message: str) -> None:
        """Keep what was published, if it is a report. Raises OSError."""
        try:
            report = json.loads(message)
        except ValueError:
            return
        if isinstance(report, dict):
            with self._lock:
                self._append(self.path, [json.dumps(report, ensure_ascii=False)])
