"""The ledger: the folder that keeps reports, and what the local stack writes into it.

LEDGER/local/reports.jsonl    a report in a line, as it was published

The folder is one run among the command's own. The command reads it only where it calls the local clouds. A report that
comes twice counts once, by its `report_id`: so it does no harm to send the same event to one stack after another.
"""

import json
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from local import package
from local.errors import LocalError

FOLDER = "local"
VARIABLE = "UNTAG_LOCAL_REPORTS"
"""Set by `untag local env`: the command reads what the local stack wrote, since it calls the local clouds there."""
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
    """The local stack's file in a ledger. `say` is told of a report that could not be kept.

    Raises LocalError where the folder cannot be made.
    """

    def __init__(self, ledger: Path, say: Callable[[str], object] = lambda _: None) -> None:
        package.find()
        from untag.hosts.here import append  # noqa: PLC0415

        self._append = append
        self._say = say
        self._lock = threading.Lock()
        folder = ledger / FOLDER
        self.path = folder / _REPORTS
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LocalError(
                f"the ledger's folder {folder} cannot be made: {error.strerror}", "set UNTAG_LEDGER"
            ) from None

    def add(self, message: str) -> None:
        """Keep what was published, if it is a report. It is published all the same if that fails."""
        try:
            report = json.loads(message)
        except ValueError:
            return
        if not isinstance(report, dict):
            return
        try:
            with self._lock:
                self._append(self.path, [json.dumps(report, ensure_ascii=False)])
        except OSError as error:
            self._say(f"not kept in {self.path}: {error.strerror}")
