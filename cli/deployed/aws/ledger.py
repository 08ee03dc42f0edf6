"""What a stack on AWS says of its batches: Athena's ledger of a deployed one, the published reports of a local one."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cli.deployed.aws.athena import AthenaLedger
from cli.deployed.aws.calls import DeployedStack
from cli.deployed.base import BatchLedger, Body
from cli.deployed.bodies import ledger_lines
from cli.deployed.local import ask_local
from cli.ledger import REPORTS, Ledger
from cli.ledger.questions import Totals

_DIGEST = 16


def ledger_of(stack: DeployedStack, folder: Path) -> BatchLedger:
    """The ledger of a stack; the reports of a local one are put into a folder. Raises CommandError."""
    if not stack.place.local:
        return AthenaLedger(stack)
    made = folder / "local"
    made.mkdir(exist_ok=True)
    # The queues first: what leaves them meanwhile is in the reports then.
    busy = any(one["visible"] + one["in_flight"] + one["delayed"] for one in _work_of(ask_local("state")))
    bodies = [one["body"] for one in ask_local("state")["reports"] if isinstance(one["body"], dict)]
    lines = "".join(f"{json.dumps(body, ensure_ascii=False)}\n" for body in bodies)
    (made / REPORTS).write_text(lines, encoding="utf-8")
    return _LocalLedger(folder, busy=busy)


def _work_of(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The queues of a local stack that its functions read."""
    return [one for one in state["queues"] if not one["dead_letters"]]


class _LocalLedger(Ledger):
    """The reports of a local stack. While its queues hold anything, no batch is called complete."""

    def __init__(self, folder: Path, *, busy: bool) -> None:
        super().__init__(folder)
        self._busy = busy

    def totals(self, batch: str) -> Totals | None:
        totals = super().totals(batch)
        return totals and totals._replace(complete=totals.complete and not self._busy)


def copied(requests: Sequence[Body], bucket: str) -> tuple[str, bytes]:
    """The path and the content of the ledger's copy of requests: what is lost on the way is missed by it then."""
    lines = ledger_lines(requests)
    name = f"{requests[0]['batch']}-{sha256(lines).hexdigest()[:_DIGEST]}.jsonl"
    return f"/{bucket}/requests/{datetime.now(UTC):%Y/%m/%d}/{name}", lines
