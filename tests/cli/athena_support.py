"""Athena as far as the ledger asks it: it runs the statements it is given on DuckDB, over reports in a folder."""

import json
import threading
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Self

from cli.ledger import Ledger

_TYPES = {"BIGINT": "bigint", "INTEGER": "integer", "BOOLEAN": "boolean", "VARCHAR": "varchar"}
PAGE = 2


class Athena:
    """Listens on 127.0.0.1. `states` are those in which a query is seen, look by look; pages have two rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[dict[str, Any]] = []
        self.stopped: list[str] = []
        self.looks: Counter[str] = Counter()
        self.states = ("SUCCEEDED",)
        self.reason = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"athena": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        if operation == "StartQueryExecution":
            self.started.append(dict(asked))
            return {"QueryExecutionId": str(len(self.started) - 1)}
        id_ = asked["QueryExecutionId"]
        if operation == "StopQueryExecution":
            self.stopped.append(id_)
            return {}
        if operation == "GetQueryExecution":
            state = self.states[min(self.looks[id_], len(self.states) - 1)]
            self.looks[id_] += 1
            return {"QueryExecution": {"Status": {"State": state, "StateChangeReason": self.reason}}}
        return self._page(self.started[int(id_)], int(asked.get("NextToken", 0)))

    def _page(self, query: Mapping[str, Any], start: int) -> dict[str, Any]:
        connection = Ledger(self.folder).connect()
        # A parameter is the text of a literal.
        values = [connection.execute(f"SELECT {text}").fetchone()[0] for text in query["ExecutionParameters"]]
        answer = connection.execute(query["QueryString"], values)
        columns = [(column[0], _TYPES[str(column[1])]) for column in answer.description]
        rows = [[name for name, _ in columns], *answer.fetchall()]
        cells = [[{} if value is None else {"VarCharValue": _text(value)} for value in row] for row in rows]
        info = [{"Name": name, "Type": type_} for name, type_ in columns]
        page = {
            "Rows": [{"Data": row} for row in cells[start : start + PAGE]],
            "ResultSetMetadata": {"ColumnInfo": info},
        }
        return {"ResultSet": page, **({"NextToken": str(start + PAGE)} if start + PAGE < len(rows) else {})}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Handler(BaseHTTPRequestHandler):
    athena: ClassVar[Athena]

    def do_POST(self) -> None:
        assert "/us-west-2/athena/aws4_request" in self.headers["Authorization"]
        operation = self.headers["X-Amz-Target"].removeprefix("AmazonAthena.")
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(self.athena.answer(operation, asked)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""
