"""Reports on what is sent to a stack, kept while they come in."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cli.deployed.base import Body
from cli.deployed.bodies import ledger_lines
from cli.ledger import REPORTS, REQUESTS, Ledger
from cli.ledger.questions import Row, Totals


class Followed(ABC):
    """What is known of the batches of some bodies. `folder` holds it."""

    def __init__(self, bodies: Iterable[Body], folder: Path) -> None:
        bodies = list(bodies)
        self.batches = list(dict.fromkeys(str(body["batch"]) for body in bodies))
        # What a sweep asks for is known when its summary has come.
        self._sweeps = {str(body["id"]) for body in bodies if "rules" in body}
        self._folder = folder
        run = folder / "followed"
        run.mkdir()
        self._reports = run / REPORTS
        (run / REQUESTS).write_bytes(ledger_lines(body for body in bodies if "rules" not in body))

    @abstractmethod
    def receive(self) -> bool:
        """Wait a few seconds for reports, and keep those of these batches; whether any came. Raises CommandError."""

    def totals(self) -> list[Totals]:
        """What each batch has come to so far; a batch of which nothing is known yet is not complete."""
        ledger = Ledger(self._folder)
        known = [ledger.totals(batch) or Totals(batch, 0, {}, 0, 0, complete=False) for batch in self.batches]
        return [one._replace(complete=one.complete and not self._sweeps) for one in known]

    def rows(self, *, failed_only: bool = False) -> list[Row]:
        """The last word on each pair so far."""
        ledger = Ledger(self._folder)
        return [row for batch in self.batches for row in ledger.rows(batch, failed_only=failed_only)]

    def keep(self, text: str) -> bool:
        """Keep a report, if it is one of these batches'."""
        try:
            report: Any = json.loads(text)
        except ValueError:
            return False
        if not isinstance(report, dict) or (report.get("batch") or report.get("id")) not in self.batches:
            return False
        if report.get("kind") == "sweep":
            self._sweeps.discard(str(report.get("id")))
        with self._reports.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(report, ensure_ascii=False)}\n")
        return True
