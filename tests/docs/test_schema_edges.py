"""Each constraint of a schema is needed, and each is the parser's: values on every edge and just beyond it are held
against both, and a schema that lacks any one of its constraints takes something that the parser refuses.
"""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from docs_parsers import PARSERS, hold
from docs_support import DOCUMENTS, Validator, request

Json = dict[str, Any]
Path = tuple[str | int, ...]

ODD: list[Any] = [None, 5, True, "x", [], {}, [None], [5]]
NAME = ["", "a" * 64, "a" * 65, "a b", "a\n", "a/b", *ODD]
MOMENT = [
    *("2026-12-01T00:00:00Z", "2026-12-01T00:00Z", "2026-12-01T00:00:00.123456789+0800", "2026-12-01T00:00:00,5Z"),
    *("2026-12-01T00:00:00", "2026-12-01", "2026-12-01T24:00:00Z", "2026-13-01T00:00:00Z", "2026-12-32T00:00:00Z"),
    *("2026-12-01T00:60:00Z", "2026-12-01T00:00:60Z", "2026-12-01T00:00:00Z\n", "20261201T000000Z", *ODD),
    *("2026-12-01T00:00:00+24:00", "2026-12-01t00:00:00z", " 2026-12-01T00:00:00Z", "2026-00-10T00:00:00Z"),
]
REGION = ["x" * 32, "x" * 33, "CN", "a--b", "a-", "9a", "cn-north-1\n", "cn-all", "", *ODD]
TYPE = [
    "a" * 128,
    "a" * 129,
    "9a",
    "a/b",
    "a%b",
    "a\n",
    "Vm:x.y-z_1",
    "cdn",
    "config:aggregators",
    "config:other",
    "",
    *ODD,
]
ID = [
    *("i" * 512, "i" * 513, ".", "..", "a/b", "é", "A:b.c_d-e", "*.example.com", "a b", ""),
    *("i\n", "i\x00", "i\x7f", "i\x9f", "i\u2028", "i\u2029", *ODD),
]
KEY = ["k" * 127, "k" * 128, "k" * 129, "k" * 512, "k" * 513, "部" * 127, "", *ODD]
VALUE = ["v" * 255, "v" * 256, "v" * 257, "", *ODD]
TEXT = ["a" * 256, "a" * 257, "a" * 128, "a" * 129, "a\tb", "a\x7f", "a\n", "", *ODD]
ASKED: dict[Path, list[Any]] = {
    (): [*ODD, [[]]],
    ("id",): TEXT,
    ("batch",): ["a" * 64, "a" * 65, "A.b_c-9", "a b", "a/b", "a\n", "", *ODD],
    ("action",): ["remove", "restore", "Remove", *ODD],
    ("provider",): ["jdcloud", "huaweicloud", "nocloud", *ODD],
    ("account",): NAME,
    ("region",): REGION,
    ("project_id",): NAME,
    ("resources",): ODD,
    ("resources", 0): [*ODD, {"type": "vm"}, {"ids": ["i-1"]}, {"type": "vm", "ids": ["i-1"], "more": 1}],
    ("resources", 0, "type"): TYPE,
    ("resources", 0, "ids"): ODD,
    ("resources", 0, "ids", 0): ID,
    ("tags",): ["all", "All", *ODD],
    ("tags", 0): [*ODD, {"key": "k"}, {"value": "v"}, {"key": "k", "value": "v", "more": 1}, "all"],
    ("tags", 0, "key"): KEY,
    ("tags", 0, "value"): VALUE,
    ("tags", 0, "was"): VALUE,
    ("dry_run",): [True, 0, "true", *ODD],
    ("expect",): [0, -1, "1", *ODD],
    ("not_after",): MOMENT,
    ("overwrite",): [True, False, 0, "true", *ODD],
    ("reason",): ["a" * 1024, "a" * 1025, *ODD],
    ("attempt",): [1, 0, 1_000_000, 1_000_001, "1", *ODD],
    ("first_attempt_at",): MOMENT,
    ("not_before",): MOMENT,
    ("more",): [1],
}
PATTERN: dict[Path, list[Any]] = {
    (): ["a" * 256, "a" * 257, ["a"] * 100, ["a"] * 101, ["a" * 257], [], *ODD],
    ("literal",): ["a" * 256, "a" * 257, *ODD],
    ("glob",): ["a" * 256, "a" * 257, *ODD],
    ("regex",): ["a" * 256, "a" * 257, *ODD],
    ("literals",): [["a"] * 100, ["a"] * 101, [], *ODD],
    ("literals", 0): ["a" * 256, "a" * 257, *ODD],
    ("ignore_case",): [True, "x", 0, None],
    ("more",): [1],
}
VALUE_PATTERN = PATTERN | {
    ("expired",): ["%Y-%m-%d", "%Y-%m-%d" + "x" * 56, "%Y-%m-%d" + "x" * 57, *ODD],
    ("timezone",): ["UTC", "a b", "a" * 65, "UTC\n", "", *ODD],
}
PROGRESS: dict[Path, list[Any]] = {
    (): ODD,
    **{(name,): [-1, 0, "1", *ODD] for name in ("place", "offset", "restarts", "tries", "failed_places")},
    **{
        (name,): [0, *ODD] for name in ("by_value", "fresh", "done", "key", "value", "after", "cursor", "seen", "round")
    },
    ("counts",): [{"a": 1}, {"a": "x"}, *ODD],
    ("going",): [{"2026-12-01T00:00:00.000Z": 1}, {"a": "x"}, *ODD],
    ("errors",): [[{"a": "b", "c": None}], [{"a": 1}], *ODD],
    ("sample",): [[{"a": "b"}], [{"a": None}], *ODD],
    ("more",): [1],
}


def under(path: Path, edges: dict[Path, list[Any]]) -> dict[Path, list[Any]]:
    return {(*path, *inner): values for inner, values in edges.items()}


def sweep(**changes: Any) -> Json:
    base: Json = {"name": "r", "provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"], "match": {"key": "a"}}
    return {"rules": [{**base, **changes}]}


RULE = ("rules", 0)
SWEPT: dict[Path, list[Any]] = {
    (): ODD,
    ("id",): TEXT,
    ("batch",): ["a" * 64, "a" * 65, "A.b_c-9", "a b", "", *ODD],
    ("dry_run",): [True, 0, *ODD],
    ("rules",): [
        *([{**sweep()["rules"][0], "name": f"r{number}"} for number in range(most)] for most in (20, 21)),
        *("s3://rules/sweeps/rules.json", "s3://rules/", "s3://a/k", "s3://rules/../k", "s3://rules/a b", "http://x"),
        *ODD,
    ],
    RULE: ODD,
    (*RULE, "name"): NAME,
    (*RULE, "provider"): ["huaweicloud", "nocloud", *ODD],
    (*RULE, "account"): NAME,
    (*RULE, "accounts"): [["a"] * 100, ["a"] * 101, [], *ODD],
    (*RULE, "accounts", 0): NAME,
    (*RULE, "regions"): [["a", "b"], ["cn-all"], ["r"] * 100, ["r"] * 101, *ODD],
    (*RULE, "regions", 0): REGION,
    (*RULE, "project_id"): NAME,
    (*RULE, "types"): [["a"] * 100, ["a"] * 101, ["vm", "cdn"], *ODD],
    (*RULE, "types", 0): TYPE,
    (*RULE, "match"): [*ODD, {"value": "v"}, {"key": "k", "more": 1}],
    **under((*RULE, "match", "key"), PATTERN),
    **under((*RULE, "match", "value"), VALUE_PATTERN),
    (*RULE, "remove"): [["a"] * 10, ["a"] * 11, *ODD],
    **under((*RULE, "remove", 0), PATTERN),
    (*RULE, "remove", "except"): [["a"] * 100, ["a"] * 101, [], *ODD],
    **under((*RULE, "remove", "except", 0), PATTERN),
    (*RULE, "remove", "more"): [1],
    (*RULE, "limit"): [1, 0, "1", *ODD],
    (*RULE, "grace"): ["1h", "999h", "1000h", "0h", "99d", "100d", "7", "30m", *ODD],
    ("source",): ["s" * 2048, "s" * 2049, *ODD],
    ("read",): ["s3://b/k?versionId=v", *ODD],
    ("due",): ODD,
    **{("due", name): ODD for name in ("rule", "place", "since", "at", "tags")},
    ("due", "more"): [1],
    ("due", "place", 0): ODD,
    ("due", "tags", "i-1"): ODD,
    ("due", "tags", "i-1", "env"): ODD,
    (*RULE, "more"): [1],
    ("progress",): ODD,
    **under(("progress", 0), PROGRESS),
    ("started_at",): [1.5, -1, "1", *ODD],
    ("invocation",): [1, 0, "1", *ODD],
    ("more",): [1],
}
HUAWEI = {"provider": "huaweicloud", "region": "cn-north-4", "project_id": "p"}
DETAIL = {name: value for name, value in request().items() if name != "id"}


BASES: dict[str, tuple[list[Json], dict[Path, list[Any]]]] = {
    "removal-request": (
        [
            request(),
            request(action="restore", expect=2, overwrite=True),
            request(tags="all"),
            request(region="cn-all", resources=[{"type": "cdn", "ids": ["a.example.com"]}]),
            request(**HUAWEI, resources=[{"type": "ecs", "ids": ["a"]}], tags=[{"key": "k", "value": ""}]),
        ],
        ASKED,
    ),
    "decommission-event": (
        [
            {"detail-type": "Resource Decommissioned", "detail": detail}
            for detail in (
                DETAIL,
                {**DETAIL, **HUAWEI},
                {**DETAIL, **HUAWEI, "tags": None},
                {**DETAIL, "region": "cn-all", "resources": [{"type": "cdn", "ids": ["a.example.com"]}]},
            )
        ],
        under(("detail",), {path: values for path, values in ASKED.items() if path != ("id",)})
        | {(): ODD, ("detail-type",): ["Another", *ODD], ("id",): ["e-1", None]},
    ),
    "sweep": (
        [
            sweep(),
            sweep(match={"key": {"literal": "a", "ignore_case": True}, "value": {"glob": "b*"}}, remove=["a"], limit=5),
            sweep(match={"key": {"regex": "a+"}, "value": {"expired": "%Y-%m-%d", "timezone": "UTC"}}),
            sweep(
                match={"key": {"glob": "a*"}},
                remove=[{"glob": "b*"}, {"regex": "c"}],
                types=["cdn"],
                regions=["cn-all"],
            ),
            sweep(provider="huaweicloud", regions=["cn-north-4"], project_id="p", types=["ecs"]),
            {**sweep(), "progress": [{"place": 0}], "started_at": 1.5, "invocation": 2},
            sweep(match={"key": "a", "value": {"literal": "v"}}),
            sweep(match={"key": "a", "value": {"regex": "v"}}),
            sweep(match={"key": {"literals": ["a", "b"]}}),
            sweep(accounts=["a", "b"], match={"key": ["a", "b"]}, remove=[["a"], "b"]),
            sweep(remove={"except": ["a", ["b"]]}, limit=5),
            sweep(types="all"),
            {
                **sweep(grace="7d"),
                "due": {
                    "rule": "r",
                    "place": ["jdcloud", None, "default", "cn-north-1", "vm"],
                    "since": 1.5,
                    "at": 2,
                    "tags": {"i-1": {"env": "prod"}},
                },
            },
        ],
        SWEPT,
    ),
}
PARSER_OF = {"decommission-event": "decommission-message"}


def bodies(name: str) -> Iterator[Any]:
    """Every base, with every edge's value in every place that it has, and with every field left out."""
    bases, edges = BASES[name]
    for base in bases:
        yield base
        for path, values in edges.items():
            for value in values:
                yield from changed(base, path, value)
        yield from without(base, base, ())


def changed(base: Any, path: Path, value: Any) -> Iterator[Any]:
    if not path:
        yield value
        return
    whole = copy.deepcopy(base)
    place = whole
    for part in path[:-1]:
        if not isinstance(place, dict | list) or (isinstance(place, dict) and part not in place):
            return
        if isinstance(place, list) and not isinstance(part, int):
            return
        place = place[part]
    if isinstance(place, dict) or (isinstance(place, list) and path[-1] == 0):
        place[path[-1]] = value  # type: ignore[index]
        yield whole


def without(whole: Any, part: Any, path: Path) -> Iterator[Any]:
    for at in part if isinstance(part, dict) else range(min(1, len(part))) if isinstance(part, list) else ():
        less = copy.deepcopy(whole)
        place = less
        for step in path:
            place = place[step]
        del place[at]
        yield less
        yield from without(whole, part[at], (*path, at))


@pytest.mark.parametrize("name", BASES)
def test_on_every_edge_the_schema_and_the_parser_agree(name: str) -> None:
    tried = 0
    for body in bodies(name):
        tried += 1
        hold(PARSER_OF.get(name, name), body)
    assert tried > 500


CONSTRAINTS = frozenset(
    {"type", "enum", "const", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "then"}
    | {"additionalProperties", "anyOf", "oneOf", "not"}
)


class Weaker(NamedTuple):
    """A schema without one of its constraints."""

    told: str
    schema: Any


def weakened(schema: Any) -> Iterator[Weaker]:
    """The schema without one of its constraints, each in turn."""
    for path, part in places(schema, ()):
        where = "/".join(map(str, path))
        for word in part.keys() & CONSTRAINTS:
            yield Weaker(f"{where}: {word}", _less(schema, path, lambda at, word=word: at.pop(word)))
        for name in part.get("required", ()) if isinstance(part.get("required"), list) else ():
            less = _less(schema, path, lambda at, name=name: at["required"].remove(name))
            yield Weaker(f"{where}: required {name}", less)


def places(part: Any, path: Path) -> Iterator[tuple[Path, Json]]:
    """Every schema within a schema that demands something; a condition is none."""
    if isinstance(part, list):
        for number, one in enumerate(part):
            yield from places(one, (*path, number))
    if not isinstance(part, dict):
        return
    if not path or path[-1] not in ("properties", "$defs"):
        yield path, part
    for name, one in part.items():
        if name not in ("if", "enum", "required", "default", "not", "const") or (path and path[-1] == "properties"):
            yield from places(one, (*path, name))


def _less(schema: Any, path: Path, change: Any) -> Any:
    whole = copy.deepcopy(schema)
    place = whole
    for step in path:
        place = place[step]
    change(place)
    return whole


SAID_TWICE = re.compile(
    r"(\$defs/Action|properties/tags/oneOf/1): type"  # of texts that are named
    r"|\$defs/ResourceGroup/properties/ids/items: minLength"  # the pattern demands a character, too
    r"|\$defs/(Key|Value)Pattern/properties/[a-z]+/anyOf/0: type"  # each kind of pattern demands a text, too
)


@pytest.mark.parametrize("name", BASES)
def test_a_schema_without_any_one_of_its_constraints_takes_what_the_parser_refuses(name: str) -> None:
    schema = DOCUMENTS[name].whole()
    refuses = Validator(schema)
    parser = PARSERS[PARSER_OF.get(name, name)]
    tried = map(json.loads, dict.fromkeys(map(json.dumps, bodies(name))))
    refused = [body for body in tried if not refuses.is_valid(body) and parser(body)]
    survivors = []
    for told, weaker in weakened(schema):
        takes = Validator(weaker)
        if not SAID_TWICE.fullmatch(told) and not any(takes.is_valid(body) for body in refused):
            survivors.append(told)
    assert survivors == []
