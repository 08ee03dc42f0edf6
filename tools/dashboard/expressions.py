"""Metric math: the part of it that the template uses, and an error for any other.

An expression has the form of one in Python but for `AND` and `OR`, so Python's own parser reads it. What it means is
in CloudWatch's user guide, "Using math expressions with CloudWatch metrics" and "CloudWatch search expression syntax".
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tools.dashboard.metrics import Metric, Metrics, Periods, Series


class Found(NamedTuple):
    """One series of a search, with the metric that it is of."""

    metric: Metric
    series: Series


Value = Series | list[Found] | list[Series] | float | str

_QUOTED = re.compile(r"""('(?:[^'\\]|\\.)*')""")
_SCHEMA = re.compile(r"^\s*\{([^}]*)\}\s*(.*)$", re.DOTALL)
_TERM = re.compile(r"""(\w+)=(\([^)]*\)|"[^"]*"|\S+)""")
_OPERATORS: Mapping[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.And: lambda left, right: bool(left) and bool(right),
    ast.Or: lambda left, right: bool(left) or bool(right),
}


class ExpressionError(Exception):
    """An expression that this program cannot evaluate."""


class Expressions:
    """Evaluates expressions over metrics; `known` has what other lines of the same widget or alarm are called."""

    def __init__(self, metrics: Metrics, periods: Periods, known: Mapping[str, Value]) -> None:
        self._metrics = metrics
        self._periods = periods
        self._known = known

    def value(self, expression: str) -> Value:
        """A series, or the several that a search found. Raises ExpressionError."""
        parts = _QUOTED.split(expression)
        # Every second part is a quoted text, which is left as it is.
        parts[::2] = [part.replace(" AND ", " and ").replace(" OR ", " or ") for part in parts[::2]]
        try:
            tree = ast.parse("".join(parts), mode="eval")
        except SyntaxError as error:
            raise ExpressionError(f"cannot be read: {expression}") from error
        return self._of(tree.body)

    def _of(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=int() | float() | str() as value):
                return value if isinstance(value, str) else float(value)
            case ast.Name(id=name) if name in self._known:
                return self._known[name]
            case ast.List(elts=elements):
                return [self._series(element) for element in elements]
            case (
                ast.BinOp(left=left, op=op, right=right)
                | ast.Compare(left=left, ops=[op], comparators=[right])
                | ast.BoolOp(op=op, values=[left, right])
            ) if type(op) in _OPERATORS:
                return self._pairwise(_OPERATORS[type(op)], left, right)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._call(name, arguments)
        raise ExpressionError(f"not known: {ast.unparse(node)}")

    def _call(self, name: str, arguments: list[ast.expr]) -> Value:
        match name, arguments:
            case "SEARCH", [text, statistic]:
                return self.search(str(self._of(text)), str(self._of(statistic)))
            case "FILL", [series, ast.Constant(value=int() | float() as value)]:
                filled: Series = [float(value) if one is None else one for one in self._series(series)]
                return filled
            case "IF", [condition, yes, no]:
                chosen = zip(self._series(condition), self._series(yes), self._series(no), strict=True)
                return [None if one is None else (a if one else b) for one, a, b in chosen]
            case (("SUM" | "MAX"), [several]):
                return self._together(sum if name == "SUM" else max, self._of(several))
        raise ExpressionError(f"not known: {name} of {len(arguments)}")

    def search(self, text: str, statistic: str) -> list[Found]:
        """The metrics of a schema that have the values asked for, in their names' order."""
        schema = _SCHEMA.match(text)
        if schema is None:
            raise ExpressionError(f"a search without a schema: {text}")
        namespace, *names = (part.strip().strip('"') for part in schema[1].split(","))
        if _TERM.sub("", schema[2]).strip():
            raise ExpressionError(f"not known in a search: {schema[2]}")
        wanted = {name: _values(given) for name, given in _TERM.findall(schema[2])}
        found = []
        for metric in sorted(self._metrics.points, key=lambda one: (one.name, sorted(one.dimensions))):
            facts = {**dict(metric.dimensions), "MetricName": metric.name}
            if metric.namespace != namespace or metric.names != set(names):
                continue
            if all(facts.get(name) in values for name, values in wanted.items()):
                found.append(Found(metric, self._metrics.series(metric, statistic, self._periods)))
        return found

    def _series(self, node: ast.expr) -> Series:
        value: Any = self._of(node)
        if isinstance(value, int | float):
            return [float(value)] * self._periods.count
        if isinstance(value, list) and all(one is None or isinstance(one, int | float) for one in value):
            return value
        raise ExpressionError(f"not one series: {ast.unparse(node)}")

    def _pairwise(self, what: Callable[[float, float], float], left: ast.expr, right: ast.expr) -> Series:
        """Period by period; missing where one of both is, and where it is a division by 0."""
        pairs = zip(self._series(left), self._series(right), strict=True)
        return [None if a is None or b is None else _or_missing(what, a, b) for a, b in pairs]

    def _together(self, what: Callable[[list[float]], float], several: Value) -> Series:
        if not isinstance(several, list):
            raise ExpressionError("SUM and MAX are known of several series only")
        rows: list[Any] = [one.series if isinstance(one, Found) else one for one in several]
        made: Series = []
        for number in range(self._periods.count):
            there = [row[number] for row in rows if row[number] is not None]
            made.append(float(what(there)) if there else None)
        return made


def _or_missing(what: Callable[[float, float], float], left: float, right: float) -> float | None:
    try:
        return float(what(left, right))
    except ZeroDivisionError:
        return None


def _values(text: str) -> set[str]:
    return {part.strip().strip('"') for part in text.strip("()").split(" OR ")}
