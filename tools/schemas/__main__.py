"""Writes docs/schemas/ and docs/asyncapi.yaml from the models that the code validates with.

make pages                         write what is current
make pages RELEASE=1               make it the released schemas, too, that later ones are held against
python -m tools.schemas --check    say what is not current or would break a promise, and write nothing
"""

import argparse
import sys

from tools.schemas.documents import documents
from tools.schemas.writing import RELEASED, as_text, broken, files, released


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
        print(
            "step the version in tools/schemas/documents.py and say in tools/schemas/page.py what to do, "
            "or take the change back",
            file=sys.stderr,
        )
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
