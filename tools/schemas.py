"""Writes docs/schemas/ and docs/asyncapi.yaml from the models that the code validates with.

make schemas                       write what is current
make schemas RELEASE=1             make it the released schemas, too, that later ones are held against
python -m tools.schemas --check    say what is not current or would break a promise, and write nothing
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools import schema_page
from tools.asyncapi import async_api
from tools.schema_changes import breaking, version_of
from tools.schema_dialects import draft_4, open_api
from tools.schema_documents import Document, documents
from untag.contracts.envelopes import DETAIL_TYPE
from untag.decommission.events import DETAIL_TYPE as DECOMMISSIONED

DOCS = Path(__file__).resolve().parent.parent / "docs"
RELEASED = DOCS / "schemas" / "released"

Json = dict[str, Any]


def files() -> dict[Path, str]:
    """Every generated file with its text, but for the released ones."""
    every = documents()
    made: dict[Path, str] = {}
    for document in every:
        made[DOCS / "schemas" / f"{document.name}.json"] = as_text(document.whole())
        made[DOCS / "schemas" / "draft-04" / f"{document.name}.json"] = as_text(draft_4(document))
    by_name = {document.name: document for document in every}
    for name, detail, detail_type in (
        ("removal-event", "RemovalRequest", DETAIL_TYPE),
        ("decommission-event", "Decommissioned", DECOMMISSIONED),
    ):
        made[DOCS / "schemas" / "openapi" / f"{name}.json"] = as_text(open_api(by_name[name], detail, detail_type))
    made[DOCS / "schemas" / "README.md"] = schema_page.page(every)
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


def main() -> int:
    """Do what the command line asks for; 1 if something is not as it should be."""
    parser = argparse.ArgumentParser(description="Writes the schemas of every event in and out.")
    parser.add_argument("--check", action="store_true", help="say what is not current, and write nothing")
    parser.add_argument("--release", action="store_true", help="make what is current the released schemas")
    given = parser.parse_args()
    wrong = broken(released(), documents())
    for reason in wrong:
        print(f"breaking: {reason}", file=sys.stderr)
    if wrong:
        print("step the version in tools/schema_documents.py, or take the change back", file=sys.stderr)
    made = files()
    stale = [path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if given.check:
        for path in stale:
            print(f"not current: {path}", file=sys.stderr)
        return int(bool(wrong or stale))
    if given.release and not wrong:
        made |= {RELEASED / f"{document.name}.json": as_text(document.whole()) for document in documents()}
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(made)} files, {len(stale)} of them changed")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
