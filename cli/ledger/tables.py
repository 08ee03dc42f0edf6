"""The base tables of the ledger: which fields of a message the views read. The Glue tables are held to the same."""

from typing import Any

_TEXT = "VARCHAR"
_NUMBER = "BIGINT"

_ROW = (
    "type",
    "resource_id",
    "key",
    "value",
    "was",
    "was_key",
    "outcome",
    "code",
    "message",
    "provider_request_id",
)
OUTCOMES = (
    "removed",
    "restored",
    "would_remove",
    "would_restore",
    "absent",
    "not_found",
    "protected",
    "failed",
    "unconfirmed",
)
"""What a pair can end as, the best first."""

Shape = dict[str, Any]
"""DuckDB's types by field; a list of one shape is a list, a mapping a structure."""

REPORTS: Shape = {
    "kind": _TEXT,
    "report_id": _TEXT,
    "id": _TEXT,
    "batch": _TEXT,
    "action": _TEXT,
    "provider": _TEXT,
    "account": _TEXT,
    "region": _TEXT,
    "project_id": _TEXT,
    "status": _TEXT,
    "complete": "BOOLEAN",
    "attempt": _NUMBER,
    "dry_run": "BOOLEAN",
    "reason": _TEXT,
    "code": _TEXT,
    "counts": {"requests": _NUMBER, "pairs": _NUMBER},
    "request_counts": dict.fromkeys((*OUTCOMES, "deferred"), _NUMBER),
    "outcomes": [dict.fromkeys(_ROW, _TEXT)],
    "held_back": {"code": _TEXT, "message": _TEXT, "pairs": _NUMBER},
    "page": {"number": _NUMBER, "of": _NUMBER},
    "errors": [{"path": _TEXT, "message": _TEXT}],
    "started_at": _TEXT,
    "finished_at": _TEXT,
    "summary": _TEXT,
}

SENT_REQUESTS: Shape = {
    "id": _TEXT,
    "batch": _TEXT,
    "provider": _TEXT,
    "account": _TEXT,
    "region": _TEXT,
    "project_id": _TEXT,
    "reason": _TEXT,
    "pairs": _NUMBER,
}

TABLES = {"reports": REPORTS, "sent_requests": SENT_REQUESTS}


def glue_type(shape: Any) -> str:
    """A field's type as Glue writes it."""
    if isinstance(shape, dict):
        return f"struct<{','.join(f'{name}:{glue_type(one)}' for name, one in shape.items())}>"
    if isinstance(shape, list):
        return f"array<{glue_type(shape[0])}>"
    return {_TEXT: "string", _NUMBER: "bigint", "BOOLEAN": "boolean"}[shape]
