"""What a plan is made of: the text of its files, kept in the plan so that it can be made anew."""

from collections.abc import Sequence

from cli import files
from cli.errors import INVALID, CommandError
from cli.files.texts import text_of

Source = list[dict[str, str]]
"""The name and the text of each file."""


def given_in(paths: Sequence[str], batch: str) -> tuple[files.Given, Source]:
    """The requests and sweeps in files, and the files' texts. CommandError or InvalidFilesError."""
    source = [{"file": path, "text": text_of(path)} for path in dict.fromkeys(paths)]
    return given_again(source, batch), source


def given_again(source: Source, batch: str) -> files.Given:
    """The requests and sweeps in the texts of a plan's files."""
    texts = {one["file"]: one["text"] for one in source}
    return _removals(files.read(list(texts), batch=batch, texts=texts))


def _removals(given: files.Given) -> files.Given:
    """What was given, if all of it can be planned."""
    for request in given.requests:
        if request.get("action") == "restore":
            raise CommandError(
                f"request {request['id']} puts tags back, and a plan is of removals",
                "to look at it first: untag run FILE --dry-run",
                status=INVALID,
            )
    for one in (*given.requests, *given.sweeps):
        if one.get("dry_run"):
            raise CommandError(
                f"{one['id']} says dry_run: a plan changes nothing, and apply would",
                "take dry_run out of it: untag plan only reads",
                status=INVALID,
            )
    return given
