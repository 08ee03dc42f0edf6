"""The one text of SQL is in the grammar of Athena's engine too, and loses nothing on the way between the two."""

import json
from pathlib import Path

import pytest
import sqlglot

from cli.ledger import Ledger, statements


@pytest.mark.parametrize("name", statements())
@pytest.mark.parametrize("dialect", ["trino", "athena"])
def test_each_statement_is_read_and_written_alike_in_athenas_grammar(name: str, dialect: str) -> None:
    (parsed,) = sqlglot.parse(statements()[name], read=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    written = parsed.sql(dialect=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)
    assert sqlglot.parse_one(written, read=dialect) == parsed


def test_what_sqlglot_makes_of_them_for_duckdb_runs_there_and_answers_alike(tmp_path: Path) -> None:
    row = {"type": "vm", "resource_id": "i-1", "key": "env", "value": None, "outcome": "failed", "code": "x"}
    report = {"kind": "removal", "report_id": "r", "id": "a", "batch": "b", "provider": "jdcloud", "account": "default"}
    report |= {"attempt": 1, "page": {"number": 1, "of": 1}, "finished_at": "2026-11-01T00:00:01.000Z"}
    report |= {"request_counts": {"failed": 1}, "outcomes": [row]}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "reports.jsonl").write_text(json.dumps(report) + "\n")
    connection = Ledger(tmp_path).connect()
    values = {"what_became_of_a_batch": "b", "what_failed_and_why": "b", "what_happened_to_a_resource": "i-1"}
    values |= {"what_a_batch_changed": "b"}
    ours = {}
    for name, text in statements().items():
        answer = connection.execute(text, [values[name]] if name in values else None)
        ours[name] = answer.fetchall()
    for name, text in statements().items():
        written = sqlglot.transpile(text, read="trino", write="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)[0]
        assert "sequence(" not in written.lower()
        assert connection.execute(written, [values[name]] if name in values else None).fetchall() == ours[name]


def test_views_and_queries_have_the_names_that_are_documented() -> None:
    assert list(statements()) == [
        "outcomes",
        "request_totals",
        "batches",
        "what_became_of_a_batch",
        "what_failed_and_why",
        "what_a_batch_changed",
        "what_happened_to_a_resource",
        "who_still_waits",
        "tags_removed_by_day",
    ]
