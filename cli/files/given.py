"""Files read and checked: the valid requests and sweeps in them, or every problem that they have."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.environment import settings
from cli.errors import FileProblem, InvalidFilesError
from cli.files.documents import Document, documents_of
from cli.files.suggestions import explained, own_path, warned
from cli.files.tables import Row, bad_rows, table_of
from cli.files.texts import Kind, UnreadableError, kind_of, shown, text_of
from untag.contracts import InvalidInputError, RemovalRequest, Tag, parse_requests, unwrap
from untag.core.requests import numbered, write_requests
from untag.providers import EVERY_TYPE, Asked, Location, Registry
from untag.sweep.checking import listing_problems, place_problems
from untag.sweep.state import Sweep, read_sweep

if TYPE_CHECKING:
    from untag.settings import Settings

_MOST_PROBLEMS = 100

_NO_KIND = {
    Kind.YAML: ("this is YAML", "requests are JSON, JSON lines or CSV; to convert it: yq -o=json FILE"),
    Kind.UNKNOWN: ("this is neither JSON nor CSV", "a request begins with {, a CSV with the names of its columns"),
}


@dataclass(slots=True)
class Given:
    """What stands in files. Every request has an id."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    sweeps: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """How files were read, where that can be done in more than one way."""
    warnings: list[str] = field(default_factory=list)
    """What looks like a mistake but may be right."""

    @property
    def pairs(self) -> int:
        """The pairs that the requests name; one for a resource of which every tag is meant."""
        return sum(map(pairs_of, self.requests))

    def graces(self) -> Iterator[tuple[Mapping[str, Any], str]]:
        """The rules that have a grace: the sweep of each, and its name."""
        return ((sweep, rule["name"]) for sweep in self.sweeps for rule in sweep["rules"] if rule.get("grace"))

    def totals(self) -> list[dict[str, Any]]:
        """Resources and pairs by provider, account, region, type and action."""
        resources = Counter[tuple[str, ...]]()
        pairs = Counter[tuple[str, ...]]()
        for request in self.requests:
            tags = _tags(request)
            for group in request["resources"]:
                place = (
                    request["provider"],
                    request.get("account", "default"),
                    request.get("region") or "-",
                    group["type"],
                    f"{'would ' if request.get('dry_run') else ''}{request.get('action', 'remove')}",
                )
                resources[place] += len(set(group["ids"]))
                pairs[place] += len(set(group["ids"])) * tags
        names = ("provider", "account", "region", "type", "action")
        return [
            {**dict(zip(names, place, strict=True)), "resources": resources[place], "pairs": pairs[place]}
            for place in sorted(pairs)
        ]


def pairs_of(request: Mapping[str, Any]) -> int:
    """The pairs that a valid request names."""
    resources = {(group["type"], id_) for group in request["resources"] for id_ in group["ids"]}
    return len(resources) * _tags(request)


def _tags(request: Mapping[str, Any]) -> int:
    tags = request["tags"]
    return 1 if isinstance(tags, str) else len({(tag["key"], tag.get("value")) for tag in tags})


def read(
    paths: Sequence[str], *, batch: str | None = None, name: str | None = None, texts: Mapping[str, str] = {}
) -> Given:
    """The requests and sweeps in files; `texts` are of those that have been read.

    `batch` names those without a batch of their own. Requests without an id are numbered behind `name`; where there is
    none, behind the batch's, else the file's. Raises InvalidFilesError with all problems, and CommandError for the
    environment.
    """
    reader = _Reader(settings(), batch, name or batch, texts)
    for path in paths:
        reader.read(path)
    if reader.problems:
        raise InvalidFilesError(_bounded(reader.problems))
    return reader.given


class _Reader:
    """Reads one file after the other."""

    def __init__(self, settings: "Settings", batch: str | None, name: str | None, texts: Mapping[str, str]) -> None:
        self._registry = Registry(settings.providers)
        self._max_pairs = settings.policy.max_pairs
        self._batch = batch
        self._name = name
        self._texts = texts
        self.given = Given()
        self.problems: list[FileProblem] = []

    def read(self, path: str) -> None:
        """Read a file, and keep what is wrong with it."""
        name = shown(path)
        try:
            text = self._texts[path] if path in self._texts else text_of(path)
        except UnreadableError as error:
            self.problems.append(FileProblem(name, None, "", error.why, error.hint))
            return
        kind = kind_of(path, text)
        if not text.strip():
            self.problems.append(FileProblem(name, None, "", "there is nothing in it"))
        elif kind in _NO_KIND:
            self.problems.append(FileProblem(name, 1, "", *_NO_KIND[kind]))
        elif kind is Kind.CSV:
            self._table(name, text)
        else:
            documents, problems = documents_of(name, text, lines=kind is Kind.JSON_LINES)
            self.problems += problems
            if not documents and not problems:
                self.problems.append(FileProblem(name, None, "", "the list is empty: at least one request is needed"))
            for document in documents:
                self._document(document)

    def _own_id(self, file: str) -> str:
        return f"{self._name or Path(file).stem}-{len(self.given.requests) + len(self.given.sweeps) + 1}"

    def _document(self, document: Document) -> None:
        own_id = self._own_id(document.file)
        content = document.content
        try:
            unwrapped = unwrap(content, own_id, None)
            content = unwrapped.payload
            if isinstance(content, Mapping) and "rules" in content:
                sweep, rules = read_sweep(content, unwrapped.id)
                self._check(sweep)
                for rule in sweep.rules:
                    types = [type_ for type_ in rule.types if type_ != EVERY_TYPE]
                    for region in rule.regions or (None,):
                        self._warn(rule.provider, Asked(Location(rule.account, region, rule.project_id), types))
                batch = content.get("batch") or self._batch or sweep.batch
                self.given.sweeps.append({**content, "id": sweep.id, "batch": batch, "rules": rules})
                return
            listed = isinstance(content, list)
            requests = self._registry.checked(parse_requests(content, unwrapped.id), listed=listed)
        except InvalidInputError as error:
            for problem in dict.fromkeys(error.problems):
                message, hint = explained(problem, content)
                path = ".".join(filter(None, (document.path, own_path(problem.path))))
                self.problems.append(FileProblem(document.file, document.line, path, message, hint))
            return
        for body, request in zip(content if listed else [content], requests, strict=True):
            self._take({**body, "id": request.id}, request)

    def _check(self, sweep: Sweep) -> None:
        """Raises InvalidInputError where a rule cannot be carried out: its places are wrong, or cannot be listed."""
        problems = list(place_problems(sweep, self._registry)) or list(listing_problems(sweep, self._registry))
        if problems:
            raise InvalidInputError(problems)

    def _take(self, body: dict[str, Any], request: RemovalRequest) -> None:
        if self._batch is not None and not body.get("batch"):
            body["batch"] = self._batch
        self.given.requests.append(body)
        self._warn(request.provider, Asked.of(request))

    def _warn(self, name: str, asked: Asked) -> None:
        warnings = warned(self._registry, name, asked)
        self.given.warnings += [one for one in warnings if one not in self.given.warnings]

    def _table(self, file: str, text: str) -> None:
        table = table_of(file, text)
        self.problems += table.problems
        if table.problems:
            self.problems += bad_rows(file, table.rows, self._registry)
            return
        bodies = list(self._written(file, table.rows))
        if not all(bodies):
            # The writer leaves out what no request can name, or asks for it by its key: which rows these are is said.
            self.problems += bad_rows(file, table.rows, self._registry)
            return
        self.given.notes.append(table.note)
        if not bodies:
            self.problems.append(FileProblem(file, None, "", "there is no row below the names of the columns"))
        for body in bodies:
            self._take(body, parse_requests(body, "row")[0])

    def _written(self, file: str, rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
        """The requests for the rows; an empty one where a row cannot be asked for as it is."""
        heads: dict[tuple[tuple[str, str], ...], dict[tuple[str, str], list[Tag]]] = {}
        for row in rows:
            heads.setdefault(row.head, {}).setdefault((row.type, row.id), []).append(row.tag)
        number = len(self.given.requests)
        stem = self._name or Path(file).stem
        for head, pairs in heads.items():
            written = write_requests(pairs, dict(head), self._registry, name=numbered("row"), max_pairs=self._max_pairs)
            if written.left_out or written.by_key:
                yield {}
            for body in written.bodies:
                number += 1
                yield {**body, "id": f"{stem}-{number}"}


def _bounded(problems: list[FileProblem]) -> list[FileProblem]:
    more = len(problems) - _MOST_PROBLEMS
    if more <= 0:
        return problems
    last = problems[_MOST_PROBLEMS]
    return [*problems[:_MOST_PROBLEMS], FileProblem(last.file, last.line, "", f"and {more} more from here on")]
