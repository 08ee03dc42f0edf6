"""The ledger: reports kept in a folder, and what they come to.

LEDGER/<run>/reports.jsonl    a report in a line, as it was published
LEDGER/<run>/requests.jsonl   a request in a line, as it was sent, with its number of pairs
LEDGER/<run>/waiting.jsonl    {"body": …, "due": …, "code": …, "message": …}: what is still to be worked at, and why
LEDGER/<run>/writes.jsonl     what stood where a write was begun, while no report speaks of it; not read here

<run> is any folder's name; the local stack's is `local`. The views and queries stand in views.sql, which Athena runs as
well.
"""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cli.ledger.questions import REJECTED, Row, Totals, rows_text, statements
from cli.ledger.tables import TABLES, Shape
from local.reports import Report
from local.reports.ledger import FOLDER, default_folder

if TYPE_CHECKING:
    import duckdb

__all__ = ["Ledger", "Totals", "Waiting", "default_folder", "statements"]

REPORTS = "reports.jsonl"
REQUESTS = "requests.jsonl"
WAITING = "waiting.jsonl"

_FILES = {"reports": REPORTS, "sent_requests": REQUESTS}
_LONGEST_LINE = 268_435_456
"""Bytes of one line. A report's page has 256 KiB at most; a request that was read from a file has no bound."""


class Waiting(NamedTuple):
    """A message that is still to be worked at. `due` is None where its line has no time.

    `code` and `message` say why it waits; they are empty where no attempt has shown that.
    """

    request_id: str
    body: str
    due: datetime | None
    code: str = ""
    message: str = ""


class Ledger:
    """What stands in a ledger's folder when it is opened. A folder without files has no rows.

    Without `local_stack` what the local stack wrote is left out: a batch may have been tried there before it was run.
    """

    def __init__(self, folder: Path, *, local_stack: bool = True) -> None:
        self.folder = folder
        self.local_stack = local_stack
        self.unreadable = 0
        """Lines of reports and requests that are no JSON: a writer was killed while it wrote. Known once connected."""
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._statements = statements()

    def connect(self) -> "duckdb.DuckDBPyConnection":
        """A connection with the tables read and the views made; the same one each time."""
        if self._connection is None:
            import duckdb  # noqa: PLC0415 - what asks nothing of the ledger need not load it

            self._connection = duckdb.connect()
            # The one function of Athena's that the views use and DuckDB has under another name.
            self._connection.execute("CREATE MACRO sequence(first, last) AS generate_series(first, last)")
            for table, shape in TABLES.items():
                self._read(self._connection, table, shape)
            for view in ("outcomes", "request_totals", "batches"):
                self._connection.execute(self._statements[view])
        return self._connection

    def totals(self, batch: str) -> Totals | None:
        """What a batch has come to; None where nothing is known of it."""
        row = next(iter(self.query("what_became_of_a_batch", batch)), None)
        if row is None:
            return None
        totals = Totals.of(row, self._rows(REJECTED, batch))
        # What still travels here may be about pairs that no report speaks of yet.
        return totals._replace(complete=totals.complete and not self.waiting(batch))

    def batches(self) -> list[Row]:
        """Every batch with its totals."""
        return self._rows("SELECT * FROM batches ORDER BY batch")

    def failures(self, batch: str) -> list[Row]:
        """What failed, by outcome and code, the most frequent first, each with an example."""
        return self.query("what_failed_and_why", batch)

    def incomplete(self, batch: str) -> list[Row]:
        """The requests of a batch that are not complete, with the pairs that each waits for."""
        return [row for row in self.query("who_still_waits") if row["batch"] == batch]

    def waiting(self, batch: str) -> list[Waiting]:
        """The messages of a batch that are still to be worked at, the next one first; one without a time before it."""
        kept = [one for path in self._files(WAITING) for one in _waiting(path, batch)]
        return sorted(kept, key=lambda one: (one.due is not None, one.due.timestamp() if one.due else 0.0))

    def rows(self, batch: str, *, failed_only: bool = False) -> list[Row]:
        """The last word on each pair of a batch."""
        return self._rows(rows_text(failed_only=failed_only), batch)

    def resource(self, resource_id: str) -> list[Row]:
        """What happened to a resource, the latest first."""
        return self.query("what_happened_to_a_resource", resource_id)

    def tags_removed_by_day(self) -> list[Row]:
        """The tags removed on each day (UTC) at each provider."""
        return self.query("tags_removed_by_day")

    def rows_of_reports(self, batch: str) -> Iterator[Row]:
        """The reports of a batch as they were published, for undo: a row keeps whether it says what stood there."""
        for path in self._files(REPORTS):
            for report in _objects(path):
                if report.get("kind", "removal") == "removal" and (report.get("batch") or report.get("id")) == batch:
                    yield report

    def reports(self, batch: str) -> list[Report]:
        """The same as a list."""
        return list(self.rows_of_reports(batch))

    def query(self, name: str, *values: str) -> list[Row]:
        """The rows of one of the named queries of views.sql."""
        return self._rows(self._statements[name], *values)

    def _rows(self, text: str, *values: str) -> list[Row]:
        answer = self.connect().execute(text, values)
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def _files(self, name: str) -> list[Path]:
        """The files of a name in the folders of runs."""
        paths = sorted(self.folder.glob(f"*/{name}"))
        return [path for path in paths if self.local_stack or path.parent.name != FOLDER]

    def _read(self, connection: "duckdb.DuckDBPyConnection", table: str, shape: Shape) -> None:
        """Read a table from its files, and count the lines that are no JSON."""
        fields = ", ".join(f'"{name}" {_duckdb_type(one)}' for name, one in shape.items())
        connection.execute(f"CREATE TABLE {table} ({fields})")
        # Read one by one, since a folder's name may hold what a pattern means. An empty file makes DuckDB complain.
        paths = [str(path) for path in self._files(_FILES[table]) if path.stat().st_size]
        if not paths:
            return
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE lines AS SELECT json FROM "  # noqa: S608 - a constant
            f"read_ndjson_objects(?, ignore_errors = true, maximum_object_size = {_LONGEST_LINE})",
            [[_literal(path) for path in paths]],
        )
        connection.execute(
            f"INSERT INTO {table} SELECT unnest(json_transform(json, ?)) FROM lines "  # noqa: S608 - our own names
            "WHERE json_type(json) = 'OBJECT'",
            [json.dumps(_json_shape(shape))],
        )
        bad = connection.execute("SELECT count(*) FROM lines WHERE json IS NULL OR json_type(json) <> 'OBJECT'")
        self.unreadable += (bad.fetchone() or (0,))[0]
        connection.execute("DROP TABLE lines")


def _literal(path: str) -> str:
    """A path as a pattern that means nothing but it."""
    return re.sub(r"([*?\[])", r"[\1]", path)


def _duckdb_type(shape: Any) -> str:
    if isinstance(shape, dict):
        return f"STRUCT({', '.join(f'{chr(34)}{name}{chr(34)} {_duckdb_type(one)}' for name, one in shape.items())})"
    return f"{_duckdb_type(shape[0])}[]" if isinstance(shape, list) else str(shape)


def _json_shape(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {name: _json_shape(one) for name, one in shape.items()}
    return [_json_shape(shape[0])] if isinstance(shape, list) else shape


def _objects(path: Path) -> Iterator[Row]:
    """The lines of a file that are JSON objects."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                content = json.loads(line)
            except ValueError:
                continue  # a writer was killed while it wrote
            if isinstance(content, dict):
                yield content


def _waiting(path: Path, batch: str) -> Iterator[Waiting]:
    for line in _objects(path):
        try:
            content = json.loads(line["body"])
        except (KeyError, TypeError, ValueError):
            continue
        requests: Sequence[Any] = content if isinstance(content, list) else [content]
        ids = [
            str(one.get("id", ""))
            for one in requests
            if isinstance(one, dict) and (one.get("batch") or one.get("id")) == batch
        ]
        if ids:
            why = str(line.get("code") or ""), str(line.get("message") or "")
            yield Waiting(", ".join(dict.fromkeys(ids)), line["body"], _moment(line.get("due")), *why)


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
