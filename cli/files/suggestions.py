"""What was probably meant: the nearest name among those that there are."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from untag.contracts import Problem, RemovalRequest, ResourceGroup
from untag.contracts.requests import TagInput
from untag.providers import NAMES, Asked, Registry, apis_of
from untag.sweep.rules import Match, Rule
from untag.sweep.state import Sweep

_NO_SUCH_FIELD = "Extra inputs are not permitted"
_ALIKE, _ALIKE_SHORT, _SHORT = 0.6, 0.5, 3
"""How alike two words have to be, and two of so few characters."""
_ALIKE_IN_PARTS = 0.8
"""How alike each part of a name of several parts has to be."""


def meant(word: Any, known: Iterable[str], least: float | None = None) -> str:
    """A hint that names what is most like a word; "" where nothing is, or where the word itself is known.

    `least` is how alike they have to be, from 0 to 1.
    """
    by_form = {_form(name): name for name in known}
    if not isinstance(word, str) or word in by_form.values():
        return ""
    if "/" in word or ":" in word:
        # A type of a service: names of one service are alike in their first half, which says nothing.
        near = [name for name in by_form.values() if _alike_in_parts(word, name)]
        return f"did you mean {max(near, key=lambda name: _ratio(word, name))}?" if near else ""
    cutoff = least or (_ALIKE_SHORT if len(word) <= _SHORT else _ALIKE)
    near = difflib.get_close_matches(_form(word), by_form, n=1, cutoff=cutoff)
    return f"did you mean {by_form[near[0]]}?" if near else ""


def _alike_in_parts(one: str, other: str) -> bool:
    parts, others = re.split(r"[/:.]", one), re.split(r"[/:.]", other)
    return len(parts) == len(others) and all(
        _ratio(part, its) >= _ALIKE_IN_PARTS for part, its in zip(parts, others, strict=True)
    )


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, _form(one), _form(other)).ratio()


def explained(problem: Problem, content: Any) -> tuple[str, str]:
    """A problem's message in plain words, and a hint if one can be given. `content` is the document it is in."""
    parts = problem.path.split(".")
    if problem.message == _NO_SUCH_FIELD:
        return "there is no such field", meant(parts[-1], _fields_at(parts))
    value = _value_at(content, own_path(problem.path).split("."))
    if parts[-1] == "provider":
        return problem.message, meant(value, NAMES)
    # A sweep says for each rule what a request says once.
    holder = _value_at(content, parts[:2]) if parts[0] == "rules" else content
    if not isinstance(holder, Mapping):
        return problem.message, ""
    if parts[0] == "resources" and "ids" in parts:  # the type may be the mistake
        return problem.message, meant(_value_at(content, [*parts[:2], "type"]), types_of(holder.get("provider")))
    if parts[-1] not in _KNOWN:
        return problem.message, ""
    known = _KNOWN[parts[-1]](holder.get("provider"))
    words = value if isinstance(value, list) else [value]
    return problem.message, next(filter(None, (meant(word, known) for word in words)), "")


def own_path(path: str) -> str:
    """Where a problem stands in the sender's own document: a rule's places are checked as those of requests are."""
    if not path.startswith("rules."):
        return path
    return re.sub(r"\.(resources\.0\.type|region)$", lambda field: _FIELDS_OF_A_RULE[field[1]], path)


def warned(registry: Registry, provider: str, asked: Asked) -> list[str]:
    """What looks like a mistake but may be right, with what was probably meant.

    A cloud whose list of types is not complete does not warn of a type that is missing there. Such a type is told here
    if it is written almost like one that is in the list.
    """
    apis = [api for api in registry.tag_apis(provider) if not asked.types or any(map(api.accepts, asked.types))]
    warnings = [text for api in apis for text in api.warnings(asked)]
    known = regions_of(provider) | types_of(provider)
    words = [word for word in (asked.location.region, *asked.types) if word]
    told = [(text, next((word for word in words if word in text.split()), None)) for text in warnings]
    found = [f"{text}; {meant(word, known)}".removesuffix("; ") for text, word in told]
    unsaid = [type_ for type_ in asked.types if type_ not in {word for _, word in told}]
    hints = [(type_, _type_meant(provider, type_)) for type_ in unsaid]
    return [*found, *(f"type {type_} is not known here; {hint}" for type_, hint in hints if hint)]


@cache
def _type_meant(provider: str, type_: str) -> str:
    # A file may name one type in a hundred thousand requests.
    return meant(type_, types_of(provider), least=_ALIKE_IN_PARTS)


@cache
def regions_of(provider: Any) -> frozenset[str]:
    """The regions that a provider documents, if it does."""
    return _documented(provider, "documented_regions")


@cache
def types_of(provider: Any) -> frozenset[str]:
    """The types of resources that a provider documents, if it does."""
    return _documented(provider, "documented_types")


_KNOWN = {"region": regions_of, "type": types_of}
"""The names that there are, by the last word of a problem's path."""

_FIELDS_OF_A_RULE = {"resources.0.type": ".types", "region": ".regions"}


def _documented(provider: Any, what: str) -> frozenset[str]:
    apis = apis_of(provider) if provider in NAMES else ()
    return frozenset(name for api in apis for name in getattr(api, what, ()))


def _fields_at(parts: Sequence[str]) -> Iterable[str]:
    """The fields that there are where an unknown one was named."""
    if parts[0] == "rules":
        return Match.model_fields if "match" in parts[:-1] else Rule.model_fields
    if parts[0] == "resources":
        return ResourceGroup.model_fields
    if parts[0] == "tags":
        return TagInput.model_fields
    return {**RemovalRequest.model_fields, **Sweep.model_fields}


def _value_at(content: Any, parts: Sequence[str]) -> Any:
    for part in parts:
        if isinstance(content, Mapping):
            content = content.get(part)
        elif isinstance(content, list) and part.isdigit() and int(part) < len(content):
            content = content[int(part)]
        else:
            return None
    return content


def _form(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
