"""The ledger of a stack on AWS, asked through Athena: the statements of cli/ledger, typed rows out of its answers.

From Athena's API reference: a query is started, looked at until it has ended, and its rows are read page by page. The
first row of the first page has the columns' names. Every value comes as text; the columns' types come beside the rows.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from typing import Any

from cli.deployed.aws.calls import DeployedStack, StackAws, together
from cli.errors import INVALID, CommandError
from cli.ledger import Waiting
from cli.ledger.questions import CHANGES, REJECTED, TOTALS, Row, Totals, rows_text, statements
from cli.ledger.rows import reports_of_rows
from local.reports import Report
from untag.hosts.aws.client import AwsError

_FIRST_LOOK_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 2.0
_PAGE = 1000
_TYPES: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint"), int),
    "boolean": lambda text: text == "true",
}
_NO_VIEW = ("does not exist", "not found", "TABLE_NOT_FOUND")


class AthenaLedger:
    """What a stack's ledger says. Raises CommandError for a stack that keeps none, and where a query fails."""

    def __init__(self, stack: DeployedStack) -> None:
        if not stack.outputs.get("LedgerWorkGroup"):
            raise CommandError(
                f"{stack} keeps no reports, so it does not know what a batch has come to",
                "deploy it with Ledger=on; without it `untag send --follow` says what comes of what it sends",
                status=INVALID,
            )
        self._stack = stack
        self._group = stack.output("LedgerWorkGroup")
        self._database = stack.output("LedgerDatabase")

    def totals(self, batch: str) -> Totals | None:
        """What a batch has come to; None where nothing is known of it."""
        asked = (statements()[TOTALS], REJECTED)
        rows, rejected = self._stack.call(lambda aws: together(self._query(aws, text, batch) for text in asked))
        return Totals.of(rows[0], rejected) if rows else None

    def rows(self, batch: str, *, failed_only: bool = False) -> list[Row]:
        """The last word on each pair of a batch."""
        return self._stack.call(lambda aws: self._query(aws, rows_text(failed_only=failed_only), batch))

    def reports(self, batch: str) -> list[Report]:
        """The reports of a batch, out of each row that says of a change: several of a pair that was worked at twice."""
        rows = self._stack.call(lambda aws: self._query(aws, statements()[CHANGES], batch))
        # Athena's rows do not tell what was read and not there from what was not read.
        reads_first = self._stack.parameters.get("ReadFirst") == "on"
        reports = reports_of_rows(rows, reads_first=reads_first, empty_is_unknown=False)
        return [{**one, "batch": batch} for one in reports]

    def waiting(self, batch: str) -> list[Waiting]:  # noqa: ARG002 - of a BatchLedger
        """None: what lies on SQS can be read only by who receives it."""
        return []

    async def _query(self, aws: StackAws, text: str, *values: str) -> list[Row]:
        started = await aws.json(
            "athena",
            "StartQueryExecution",
            {
                "QueryString": text,
                "ExecutionParameters": [f"'{value.replace(chr(39), chr(39) * 2)}'" for value in values],
                "QueryExecutionContext": {"Database": self._database},
                "WorkGroup": self._group,
                "ClientRequestToken": secrets.token_hex(32),
            },
        )
        asked = {"QueryExecutionId": started["QueryExecutionId"]}
        try:
            await self._ended(aws, asked)
        except asyncio.CancelledError:
            # What it reads is paid for.
            with contextlib.suppress(AwsError):
                await aws.json("athena", "StopQueryExecution", asked)
            raise
        return await _read(aws, asked)

    async def _ended(self, aws: StackAws, asked: dict[str, Any]) -> None:
        """Wait until a query has succeeded. Raises CommandError where it has not."""
        pause = _FIRST_LOOK_SECONDS
        while True:
            status = (await aws.json("athena", "GetQueryExecution", asked))["QueryExecution"]["Status"]
            if status["State"] == "SUCCEEDED":
                return
            if status["State"] not in {"QUEUED", "RUNNING"}:
                reason = str(status.get("StateChangeReason", ""))
                hint = "have its views been made? docs/ledger.md says how" if any(map(reason.count, _NO_VIEW)) else ""
                raise CommandError(f"Athena's query ended as {status['State']}: {reason}", hint)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


async def _read(aws: StackAws, asked: dict[str, Any]) -> list[Row]:
    rows: list[Row] = []
    token: dict[str, str] = {}
    header = True
    while True:
        page = await aws.json("athena", "GetQueryResults", {**asked, "MaxResults": _PAGE, **token})
        columns = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        data = [one.get("Data", ()) for one in page["ResultSet"]["Rows"]]
        rows += [_typed(columns, one) for one in (data[1:] if header else data)]
        if not (following := page.get("NextToken")):
            return rows
        token, header = {"NextToken": following}, False


def _typed(columns: list[dict[str, Any]], data: list[dict[str, str]]) -> Row:
    """A row with the values that its texts stand for; one without a text is null."""
    return {
        column["Name"]: _TYPES.get(column["Type"], str)(cell["VarCharValue"]) if "VarCharValue" in cell else None
        for column, cell in zip(columns, data, strict=True)
    }
