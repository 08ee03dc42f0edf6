"""A plan as files: JSON keeps everything, CSV is for spreadsheets and has a JSON file of the same name beside it.

The digest is the SHA-256 of the canonical JSON of the plan's `rows` and `source`: keys sorted, no spaces, no escapes
but those that JSON demands.
"""

import csv
import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from cli import base
from cli.errors import INVALID, CommandError, FileProblem, InvalidFilesError
from cli.files.tables import ANY_VALUE, COLUMNS, bad_rows, table_of
from cli.plans.rows import Pair, Rows
from untag.contracts import InvalidInputError
from untag.environment import duration
from untag.providers import Registry

_BEGINNING = '{\n"kind": "plan",\n'
_MOST_PROBLEMS = 100
_AGAIN = "make the plan anew: untag plan"

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_plain = json.JSONEncoder(ensure_ascii=False).encode

Json = dict[str, Any]


@dataclass(slots=True)
class Plan:
    """A plan that was read: `chosen` are the rows to carry out, `whole` all that were planned.

    `made_at` and `source` are None where a CSV file has no JSON file beside it; `whole` is `chosen` then.
    """

    path: Path
    chosen: Rows
    whole: Rows
    made_at: str | None = None
    batch: str | None = None
    moments: dict[str, str] = field(default_factory=dict)
    """Before and after which nothing of it is carried out: `not_before` and `not_after`, as its requests say."""
    digest: str = ""
    source: list[Json] | None = None
    warnings: list[str] = field(default_factory=list)


def paths_of(output: str) -> tuple[Path, Path | None]:
    """The JSON file and the CSV file that a plan is written to. CommandError for another kind of name."""
    path = Path(output)
    if path.suffix.lower() == ".json":
        return path, None
    if path.suffix.lower() == ".csv":
        return path.with_suffix(".json"), path
    raise CommandError(
        f"{output} is no name of a plan", "a plan is a .json or a .csv file: -o plan.csv", status=INVALID
    )


def check_target(output: str, inputs: Iterable[str]) -> None:
    """CommandError where a plan would take the place of its own source, or of a JSON file that is no plan."""
    taken = {Path(name).resolve() for name in inputs}
    for path in filter(None, paths_of(output)):
        base.check_output(path, "-o")
        if path.resolve() in taken or (path.suffix.lower() == ".json" and not _may_be_replaced(path)):
            raise CommandError(
                f"{path} is there and is no plan: nothing was written", "name another: -o plan.csv", status=INVALID
            )


def _may_be_replaced(path: Path) -> bool:
    if not path.exists():
        return True
    with path.open("rb") as file:
        return file.read(len(_BEGINNING)) == _BEGINNING.encode()


def write(
    output: str, rows: Rows, *, made_at: str, batch: str, source: list[Json], moments: Mapping[str, str] = {}
) -> Json:
    """Write a plan; what it says of itself, without its rows."""
    as_json, as_csv = paths_of(output)
    head: Json = {
        "kind": "plan",
        "made_at": made_at,
        "batch": batch,
        "digest": digest((row_body(pair, batch) for pair in rows), source),
        "totals": rows.totals(),
        "spared_totals": rows.spared_totals(),
        **moments,
    }
    _replace(as_json, lambda file: _write_json(file, head, rows, source, batch))
    if as_csv is not None:
        write_csv(str(as_csv), rows)
    return head


def write_csv(name: str, rows: Rows) -> None:
    """Write the rows alone."""
    _replace(Path(name), lambda file: _write_csv(file, rows))


def digest(rows: Iterable[Mapping[str, Any]], source: list[Json]) -> str:
    """What a plan's rows and source are known by."""
    hashed = hashlib.sha256(b'{"rows":[')
    for number, row in enumerate(rows):
        hashed.update(f"{',' if number else ''}{_canonical(row)}".encode())
    hashed.update(f'],"source":{_canonical(source)}}}'.encode())
    return f"sha256:{hashed.hexdigest()}"


def row_body(pair: Pair, batch: str) -> dict[str, str]:
    """A row as the JSON file holds it: without what is empty, and without the plan's own batch."""
    body = {name: text for name, text in zip(pair._fields, pair, strict=True) if text or name == "value"}
    if pair.batch == batch:
        del body["batch"]
    return body


def _write_json(file: TextIO, head: Json, rows: Rows, source: list[Json], batch: str) -> None:
    file.write(_BEGINNING)
    rest = {name: value for name, value in head.items() if name != "kind"}
    file.writelines(f"{_plain(name)}: {_plain(value)},\n" for name, value in {**rest, "source": source}.items())
    _write_list(file, "rows", (row_body(pair, batch) for pair in rows))
    file.write(",\n")
    _write_list(file, "spared", (_without_empty(one._asdict()) for one in rows.spared()))
    file.write("\n}\n")


def _write_list(file: TextIO, name: str, bodies: Iterable[Mapping[str, Any]]) -> None:
    file.write(f"{_plain(name)}: [")
    file.writelines(f"{',' if number else ''}\n{_plain(body)}" for number, body in enumerate(bodies))
    file.write("\n]")


def _without_empty(body: Json) -> Json:
    return {name: value for name, value in body.items() if value not in ("", None)}


def _write_csv(file: TextIO, rows: Rows) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    # A value that is an asterisk would mean any value here: such a row stands in the JSON file only.
    writer.writerows(pair[: len(COLUMNS)] for pair in rows if pair.value != ANY_VALUE)


def _replace(path: Path, write_to: Callable[[TextIO], None]) -> None:
    """Write a file whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    try:
        with new.open("w", encoding="utf-8", newline="") as file:
            write_to(file)
        os.replace(new, path)  # noqa: PTH105 - one step, so that no half a plan is ever read
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}", "name another file: -o plan.csv") from None


# Reading.


def read(path: Path) -> Plan:
    """A plan out of its file: JSON, or CSV with the JSON file beside it where there is one.

    CommandError where it is no plan or was changed by hand; InvalidFilesError names the lines of rows that are not the
    plan's.
    """
    if path.suffix.lower() != ".csv":
        return _read_json(path)
    beside = path.with_suffix(".json")
    if not beside.exists():
        chosen = Rows()
        _choose(path, chosen, None)
        plan = Plan(path, chosen, chosen)
        plan.warnings.append(f"{beside.name} is not there: how old this plan is, and what it was made of, is not known")
        return plan
    plan = _read_json(beside)
    plan.path, plan.chosen = path, Rows()
    _choose(path, plan.chosen, plan.whole)
    return plan


def check_age(plan: Plan, most: str | None) -> None:
    """CommandError for a plan that is older than `most`, such as `24h`, or for what is no time.

    None: a day, if the plan's age is known. With `most` a plan whose age is not known is refused.
    """
    try:
        seconds = duration({"--max-age": "24h" if most is None else most}, "--max-age", 0.0)
    except InvalidInputError as error:
        raise CommandError(str(error), "for example: --max-age 24h", status=INVALID) from None
    if plan.made_at is None:
        if most is None:
            return
        beside = plan.path.with_suffix(".json").name
        raise CommandError(
            f"how old the plan is, is not known: {beside} is not there. Nothing was changed",
            "put the JSON file of the plan beside it, or leave --max-age out",
            status=INVALID,
        )
    age = datetime.now(UTC) - datetime.fromisoformat(plan.made_at).astimezone(UTC)
    if age.total_seconds() > seconds:
        hours = age.total_seconds() / 3600
        raise CommandError(
            f"the plan was made {hours:.1f} hours ago, at {plan.made_at}: nothing was changed",
            f"{_AGAIN}, or allow its age: --max-age {int(hours) + 1}h",
            status=INVALID,
        )


def _read_json(path: Path) -> Plan:
    try:
        body = json.loads(_text(path))
    except ValueError as error:
        raise CommandError(f"{path} is no JSON: {error}", _AGAIN, status=INVALID) from None
    try:
        if body["kind"] != "plan":
            raise CommandError(f"{path} is no plan", _AGAIN, status=INVALID)
        rows, source, batch = body.pop("rows"), body["source"], body["batch"]
        body.pop("spared", None)
        fits = digest(rows, source) == body["digest"]
        whole = Rows()
        whole.add(Pair._make([*(row.get(name, "") for name in COLUMNS), row.get("batch", batch)]) for row in rows)
        made_at = body["made_at"]
        moments = {name: body[name] for name in ("not_before", "not_after") if name in body}
        datetime.fromisoformat(made_at).astimezone(UTC)
    except (KeyError, TypeError, AttributeError, ValueError, sqlite3.Error):
        raise CommandError(f"{path} is no plan", _AGAIN, status=INVALID) from None
    if not fits or len(whole) != len(rows):
        hint = "delete rows from a .csv plan instead, or make the plan anew: untag plan FILE -o plan.csv"
        raise CommandError(f"{path} was changed by hand: its digest does not fit", hint, status=INVALID)
    return Plan(path, whole, whole, made_at, batch, moments, body["digest"], source)


def _choose(path: Path, chosen: Rows, whole: Rows | None) -> None:
    """Take the rows of a CSV file, each of which has to be one of the whole plan's. InvalidFilesError."""
    table = table_of(str(path), _text(path))
    problems = list(table.problems)

    def pairs() -> Iterator[Pair]:
        for row in table.rows:
            head = dict(row.head)
            place = (head.get("provider", ""), head.get("account", "default"))
            identity = (*place, head.get("region", ""), head.get("project_id", ""), row.type, row.id, row.tag.key)
            planned = None if whole is None else whole.find(identity)
            if (message := _fault(row.tag.value, planned, known=whole is not None)) is not None:
                problems.append(FileProblem(str(path), row.line, "", message, "delete the row, or plan again"))
            else:
                yield planned or Pair._make([*identity, row.tag.value, ""])

    chosen.add(pairs())
    if whole is None and not problems:
        problems += bad_rows(str(path), table.rows, Registry())
    if problems:
        raise InvalidFilesError(problems[:_MOST_PROBLEMS])


def _fault(value: str | None, planned: Pair | None, *, known: bool) -> str | None:
    """What is wrong with a row. `known` says whether the whole plan is there to hold it against."""
    if known and planned is None:
        return "is not in the plan"
    if value is None:
        return f"a plan names the value that was seen, and {ANY_VALUE} means any"
    if planned is not None and planned.value != value:
        return f"the plan's value is {planned.value!r}, not {value!r}"
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CommandError(
            f"{path} cannot be read: {error.strerror}", "name the file that untag plan -o has written", status=INVALID
        ) from None
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not UTF-8", "save it as UTF-8", status=INVALID) from None
