"""Whether a change of a schema could break somebody.

What comes in is breaking if something that was taken could now be refused; what goes out, if something could now be
sent that it was not said to be. Both are one question asked from two sides: could `b` refuse what `a` accepts? The
answer errs on the safe side: what cannot be decided (most pairs of patterns, say) counts as breaking.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

Json = dict[str, Any]
Schema = Json | bool

_ANNOTATIONS = frozenset(
    {"$schema", "$id", "$defs", "title", "description", "$comment", "examples", "contentMediaType", "contentEncoding"}
)
_LOW = ("minLength", "minItems", "minimum", "minProperties")
_HIGH = ("maxLength", "maxItems", "maximum")
_CLASS = re.compile(r"(\[[!-Z_-~]+\])(\*?)")
_ROW_OF_CLASSES = re.compile(r"\^(\[[!-Z_-~]+\]\*?)+\$")
_EXACT = ("pattern", "format", "propertyNames", "contains")
"""Keywords of which only the same is known to accept as much."""
_KNOWN = frozenset(
    {*_ANNOTATIONS, *_LOW, *_HIGH, *_EXACT, "type", "enum", "const", "required", "properties", "additionalProperties"}
    | {"items", "anyOf", "oneOf", "allOf", "not", "if", "then", "default", "$ref"}
)
_TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})


def version_of(document: Mapping[str, Any]) -> int:
    """The version in a document's `$id`."""
    return int(document["$id"].rpartition(":")[2])


def breaking(released: Json, current: Json, direction: Literal["in", "out"]) -> list[str]:
    """What of a change could break somebody, each as a path and a reason."""
    old, new = _Side(released), _Side(current)
    found = (
        _refused(old, released, new, current, "") if direction == "in" else _refused(new, current, old, released, "")
    )
    return sorted({*found, *_defaults(old, released, new, current)})


class _Side:
    """A document, and what is known of pairs of schemas by now: definitions may go round.

    Of the `assumed` nothing is refused, unless it is of another pair among them. Of the `refused` something is: why.
    """

    def __init__(self, document: Json) -> None:
        self._defs = document.get("$defs", {})
        self.assumed: set[str] = set()
        self.refused: dict[str, str] = {}

    def plain(self, schema: Schema) -> Json:
        """The schema itself, where it is a reference or no more than one."""
        if isinstance(schema, bool):
            return {} if schema else {"not": {}}
        for name in schema.keys() - _KNOWN:
            raise ValueError(f"the comparison does not know {name}")
        if "$ref" in schema:
            return self.plain(self._defs[schema["$ref"].rpartition("/")[2]])
        made = {name: value for name, value in schema.items() if name not in ("allOf", "oneOf")}
        if "oneOf" in schema:
            made["anyOf"] = self._choices(schema["oneOf"])
        for part in schema.get("allOf", ()):
            if "$ref" in part:
                made = merged(self.plain(part), made)
            elif "if" not in part and not (plain := self.plain(part)).keys() & made.keys():
                made |= plain
            else:
                made["allOf"] = [*made.get("allOf", ()), part]
        return made

    def _choices(self, options: list[Any]) -> list[Any]:
        """The options of a `oneOf`. Where no two share a type, one of them is the same as any of them."""
        types = [_types(self.plain(option)) for option in options]
        if len(frozenset().union(*types)) != sum(map(len, types)):
            raise ValueError("the comparison knows oneOf only of options that share no type")
        return options

    def full(self, schema: Any) -> Any:
        """The schema with nothing left to look up, but where it goes round; for comparing texts."""
        return self._full(schema, ())

    def _full(self, schema: Any, above: tuple[str, ...]) -> Any:
        if isinstance(schema, list):
            return [self._full(one, above) for one in schema]
        if not isinstance(schema, dict):
            return schema
        if isinstance(name := schema.get("$ref"), str) and name not in above:
            return self._full(self._defs[name.rpartition("/")[2]], (*above, name))
        return {key: self._full(value, above) for key, value in schema.items() if key not in _ANNOTATIONS}


def _text(side: _Side, schema: Any) -> str:
    return json.dumps(side.full(schema), sort_keys=True)


def merged(one: Json, more: Json) -> Json:
    """What either demands; where both speak of the same, what `more` says."""
    made = {**one, **more}
    if "required" in one and "required" in more:
        made["required"] = sorted({*one["required"], *more["required"]})
    if "properties" in one and "properties" in more:
        made["properties"] = {**one["properties"], **more["properties"]}
    if "not" in one and "not" in more:
        made["not"] = {"anyOf": [*_excluded(one), *_excluded(more)]}
    return made


def _excluded(schema: Json) -> list[Any]:
    """What a schema excludes, one by one."""
    told = schema.get("not")
    if told is None:
        return []
    return list(told["anyOf"]) if isinstance(told, dict) and set(told) == {"anyOf"} else [told]


def _refused(a_side: _Side, a_schema: Schema, b_side: _Side, b_schema: Schema, path: str) -> Iterator[str]:
    """Why `b` could refuse what `a` accepts; nothing if it cannot."""
    a, b = a_side.plain(a_schema), b_side.plain(b_schema)
    pair = f"{json.dumps(a, sort_keys=True)}\n{json.dumps(b, sort_keys=True)}"
    if pair in a_side.assumed or _text(a_side, a) == _text(b_side, b):
        return
    if pair in a_side.refused:
        yield a_side.refused[pair]
        return
    before = frozenset(a_side.assumed)
    a_side.assumed.add(pair)
    try:
        for reason in _reasons(a_side, a, b_side, b, path):
            a_side.refused.setdefault(pair, reason)
            a_side.assumed = {*before, pair}
            yield reason
    finally:
        # What was concluded from an assumption that does not hold is forgotten with it.
        if pair in a_side.refused:
            a_side.assumed = set(before)


def _reasons(a_side: _Side, a: Json, b_side: _Side, b: Json, path: str) -> Iterator[str]:
    """The same of plain schemas that are not equal."""
    if _demands(a) == _demands(b):
        yield from _of_references(a_side, b_side, a, path)
        return
    if "anyOf" in a:
        rest = {name: value for name, value in a.items() if name != "anyOf"}
        for option in a["anyOf"]:
            # Where an option says more of a field it says it alone: that accepts no less than both together do.
            yield from _refused(a_side, merged(rest, a_side.plain(option)), b_side, b, path)
        return
    yield from _of_values(a, b, path)
    yield from _of_exact(a_side, a, b_side, b, path)
    yield from _of_objects(a_side, a, b_side, b, path)
    if "items" in b and "array" in _types(a):
        yield from _refused(a_side, a.get("items", True), b_side, b["items"], f"{path}[]")
    yield from _of_choices(a_side, a, b_side, b, path)


def _demands(schema: Json) -> Json:
    return {name: value for name, value in schema.items() if name not in _ANNOTATIONS}


def _of_references(a_side: _Side, b_side: _Side, schema: Json, path: str) -> Iterator[str]:
    """Why `b` could refuse what `a` accepts, where both say the same and can differ in what they refer to only.

    What a reference accepts more of, the schema around it accepts more of, but where it excludes or asks.
    """
    for name, excluded in dict.fromkeys(_references(_demands(schema), excluded=False)):
        reference = {"$ref": f"#/$defs/{name}"}
        if not excluded:
            yield from _refused(a_side, reference, b_side, reference, f"{path}/{name}")
        elif _text(a_side, reference) != _text(b_side, reference):
            yield f"{path}/{name}: something more is excluded"


def _references(schema: Any, *, excluded: bool) -> Iterator[tuple[str, bool]]:
    """The names that a schema refers to, each with whether it stands where the schema excludes or asks."""
    if isinstance(schema, list):
        for one in schema:
            yield from _references(one, excluded=excluded)
    elif isinstance(schema, dict):
        if isinstance(name := schema.get("$ref"), str):
            yield name.rpartition("/")[2], excluded
        for key, one in schema.items():
            yield from _references(one, excluded=excluded or key in ("not", "if", "contains", "propertyNames"))


def _types(schema: Json) -> frozenset[str]:
    if "const" in schema or "enum" in schema:
        values = [schema["const"]] if "const" in schema else schema["enum"]
        names = {str: "string", bool: "boolean", int: "integer", type(None): "null", float: "number"}
        return frozenset(names[type(value)] for value in values)
    told = schema.get("type", sorted(_TYPES))
    found = set([told] if isinstance(told, str) else told)
    return frozenset(found | {"integer"} if "number" in found else found)


def _values(schema: Json) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _of_values(a: Json, b: Json, path: str) -> Iterator[str]:
    for more in sorted(_types(a) - _types(b)):
        yield f"{path}: type {more}"
    wanted, given = _values(b), _values(a)
    if wanted is not None:
        if given is None:
            yield f"{path}: any value beside {wanted}"
        for value in given or ():
            if value not in wanted:
                yield f"{path}: value {value}"
    if given is not None and all(not isinstance(value, str) for value in given):
        return
    for names, sign in ((_LOW, 1), (_HIGH, -1)):
        for name in names:
            if name in b and (name not in a or sign * a[name] < sign * b[name]) and given is None and _typed(a, name):
                yield f"{path}: {name} {a.get(name)} against {b[name]}"


def _typed(schema: Json, keyword: str) -> bool:
    """Whether a keyword can mean anything to what the schema accepts."""
    of = {"L": "string", "I": "array", "P": "object"}.get(keyword[3:4], "integer")
    return of in _types(schema)


def _is_wider(pattern: str, other: str) -> bool:
    """Whether a pattern takes every text that the other takes; False where that cannot be decided.

    It can where both are the same row of character classes but for what stands in these, none of which is negated.
    """
    rows = [_ROW_OF_CLASSES.fullmatch(text) and _CLASS.findall(text) for text in (pattern, other)]
    if not all(rows):
        return False
    wide, narrow = rows
    return [how_often for _, how_often in wide] == [how_often for _, how_often in narrow] and all(
        re.fullmatch(ours, char)
        for (ours, _), (theirs, _) in zip(wide, narrow, strict=True)
        for char in map(chr, range(128))
        if re.fullmatch(theirs, char)
    )


def _of_exact(a_side: _Side, a: Json, b_side: _Side, b: Json, path: str) -> Iterator[str]:
    given = _values(a)
    for name in _EXACT:
        if name in b and (name not in a or _text(a_side, a[name]) != _text(b_side, b[name])):
            if name in ("pattern", "format") and (given is not None or "string" not in _types(a)):
                continue
            if name == "pattern" and name in a and _is_wider(b[name], a[name]):
                continue
            yield f"{path}: {name} is another"
    left_out = {_text(a_side, one) for one in _excluded(a)}
    if any(_text(b_side, one) not in left_out for one in _excluded(b)):
        yield f"{path}: something more is excluded"


def _of_objects(a_side: _Side, a: Json, b_side: _Side, b: Json, path: str) -> Iterator[str]:
    if "object" not in _types(a):
        return
    for name in sorted(set(b.get("required", ())) - set(a.get("required", ()))):
        yield f"{path}.{name}: may be missing"
    a_fields, b_fields = a.get("properties", {}), b.get("properties", {})
    a_rest, b_rest = a.get("additionalProperties", True), b.get("additionalProperties", True)
    for name in sorted(a_fields.keys() | b_fields.keys()):
        if name not in a_fields and a_rest is False:
            continue
        mine, other = a_fields.get(name, a_rest), b_fields.get(name, b_rest)
        if other is False and mine is not False:
            yield f"{path}.{name}: a field of no place"
        elif other is not True:
            yield from _refused(a_side, mine, b_side, other, f"{path}.{name}")
    if b_rest is False and a_rest is not False:
        yield f"{path}: fields of any name"
    elif isinstance(b_rest, dict) and a_rest is not False:
        yield from _refused(a_side, a_rest, b_side, b_rest, f"{path}.*")


def _of_choices(a_side: _Side, a: Json, b_side: _Side, b: Json, path: str) -> Iterator[str]:
    options = b.get("anyOf", ())
    if options and all(any(True for _ in _refused(a_side, a, b_side, option, path)) for option in options):
        kind = a.get("description") or "/".join(sorted(_types(a)))
        yield f"{path}: no choice for: {kind}"
    given = {_text(a_side, part) for part in _conditions(a)}
    for part in _conditions(b):
        if _text(b_side, part) in given or ("if" in part and _never(a, part["if"])):
            continue
        if "if" in part or [*_refused(a_side, a, b_side, part, path)]:
            yield f"{path}: a condition is new or another"


def _never(a: Json, condition: Json) -> bool:
    """Whether a condition speaks of a field's value that the schema does not accept: a cloud that was not known."""
    for name, wanted in condition.get("properties", {}).items():
        values = _values(a.get("properties", {}).get(name, {}))
        if values is not None and "const" in wanted and wanted["const"] not in values:
            return name in condition.get("required", ())
    return False


def _conditions(schema: Json) -> Iterator[Any]:
    yield from schema.get("allOf", ())
    if "if" in schema:
        yield {"if": schema["if"], "then": schema.get("then", True)}


def _defaults(old: _Side, released: Json, new: _Side, current: Json) -> Iterator[str]:
    """Fields whose default is another: what was left out means something else."""
    before, now = dict(_each_default(old, released, "")), dict(_each_default(new, current, ""))
    for path in before.keys() & now.keys():
        if before[path] != now[path]:
            yield f"{path}: default {before[path]} has become {now[path]}"


def _each_default(side: _Side, schema: Any, path: str, above: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    if isinstance(schema, bool):
        return
    plain = side.plain(schema)
    key = json.dumps(plain, sort_keys=True)
    if key in above:
        return
    for name, field in plain.get("properties", {}).items():
        told = field if isinstance(field, dict) else {}
        yield f"{path}.{name}", json.dumps(told.get("default"), sort_keys=True)
        yield from _each_default(side, field, f"{path}.{name}", (*above, key))
    if "items" in plain:
        yield from _each_default(side, plain["items"], f"{path}[]", (*above, key))
    for option in plain.get("anyOf", ()):
        yield from _each_default(side, option, path, (*above, key))
