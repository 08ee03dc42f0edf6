"""Every generated file with its text, and what would break a promise."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.schemas.asyncapi import async_api
from tools.schemas.changes import breaking, version_of
from tools.schemas.dialects import open_api
from tools.schemas.documents import Document, documents
from tools.schemas.page import page
from untag.contracts.envelopes import DETAIL_TYPE
from untag.decommission.events import DETAIL_TYPE as DECOMMISSIONED

DOCS = Path(__file__).resolve().parents[2] / "docs"
RELEASED = DOCS / "schemas" / "released"

Json = dict[str, Any]


def files() -> dict[Path, str]:
    """Every generated file with its text, but for the released ones."""
    every = documents()
    made: dict[Path, str] = {}
    for document in every:
        made[DOCS / "schemas" / f"{document.name}.json"] = as_text(document.whole())
    by_name = {document.name: document for document in every}
    for name, detail, detail_type in (
        ("removal-event", "RemovalRequest", DETAIL_TYPE),
        ("decommission-event", "Decommissioned", DECOMMISSIONED),
    ):
        made[DOCS / "schemas" / "openapi" / f"{name}.json"] = as_text(open_api(by_name[name], detail, detail_type))
    made[DOCS / "schemas" / "README.md"] = page(every)
    made[DOCS / "asyncapi.yaml"] = async_api(every)
    return made


def as_text(schema: Json) -> str:
    """A document as a file's text."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def broken(released: Mapping[str, Json], current: tuple[Document, ...]) -> list[str]:
    """What breaks a promise: a change that could break somebody, without a step of the version."""
    by_name = {document.name: document for document in current}
    found = []
    for name, before in released.items():
        document = by_name.get(name)
        if document is None:
            found.append(f"{name}: is gone")
            continue
        now = document.whole()
        if version_of(now) < version_of(before):
            found.append(f"{name}: version {version_of(before)} has become {version_of(now)}")
        elif version_of(now) == version_of(before):
            found += [f"{name}{reason}" for reason in breaking(before, now, document.direction)]
    return found


def released() -> dict[str, Json]:
    """The released schemas by name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RELEASED.glob("*.json"))}
