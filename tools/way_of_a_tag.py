"""Traces one tag from a record to its report: the functions that are given it, the classes that hold it.

    .venv/bin/python tools/way_of_a_tag.py [CHECKOUT]

CHECKOUT is this one by default. One message asks for the removal of one tag of one resource at the local JD Cloud. A
function counts if an argument of it holds the tag's key, at whatever depth; a class of the package counts if such an
argument is, or holds, a value of it.
"""

import dataclasses
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

KEY = "the-key-that-is-followed"
DEEPEST = 7


def parts(value: Any) -> Iterable[Any]:
    """What a value is made of; none for what is no value of the package and no container."""
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        return value
    kind = type(value)
    if not kind.__module__.startswith("untag"):
        return ()
    if hasattr(kind, "model_fields"):
        return list(vars(value).values())
    if dataclasses.is_dataclass(value):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    return [getattr(value, name, None) for name in getattr(kind, "__slots__", ())]


def values_in(value: Any, seen: set[int], depth: int = 0) -> Iterator[Any]:
    """A value and everything in it, each once."""
    if id(value) not in seen and depth <= DEEPEST:
        seen.add(id(value))
        yield value
        for part in () if isinstance(value, str | bytes) else parts(value):
            yield from values_in(part, seen, depth + 1)


def holds_key(value: Any) -> bool:
    """Whether the key stands somewhere in a value."""
    return any(
        KEY in one if isinstance(one, str) else KEY.encode() in one
        for one in values_in(value, set())
        if isinstance(one, str | bytes)
    )


def main(checkout: Path) -> None:
    """Print the figures, then the functions in the order in which they are first called, and the classes."""
    sys.path[:0] = [str(checkout / "layers" / "untag" / "python"), str(checkout / "tests" / "unit"), str(checkout)]
    import service_house  # noqa: PLC0415 - of the checkout that was asked for

    package = str(checkout / "layers" / "untag" / "python" / "untag")
    functions: dict[str, None] = {}
    classes: dict[str, None] = {}

    def called(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(package) or code.co_qualname.endswith(">"):
            return
        sys.setprofile(None)
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        given = [frame.f_locals[name] for name in names if holds_key(frame.f_locals.get(name))]
        if given:
            functions[f"{code.co_filename[len(package) + 1 :]} {code.co_qualname}"] = None
        for one in (one for value in given for one in values_in(value, set())):
            if type(one).__module__.startswith("untag") and holds_key(one):
                classes[f"{type(one).__module__}.{type(one).__qualname__}"] = None
        sys.setprofile(called)

    with service_house.House() as house:
        service_house.put(house.jd, "i-1", tags={KEY: "prod"})
        service_house.put(house.jd, "i-0")
        house.batch(service_house.record(service_house.jd_request("i-0", id_="first")))
        record = service_house.record(service_house.jd_request("i-1", tags={KEY: "prod"}), "m-2")
        sys.setprofile(called)
        try:
            house.batch(record)
        finally:
            sys.setprofile(None)
        if set(house.outcomes("chg-1").values()) != {"removed"}:
            raise SystemExit("the tag was not removed")
    print(f"functions {len(functions)}\nclasses   {len(classes)}")
    print(*functions, "", *classes, sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1]).resolve())
