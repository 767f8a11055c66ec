"""Conditional routing: a query of a config -> ``Condition``, which tests a request.

A query is parsed and checked once, here; a request is read through a ``View``. Queries have JavaScript's semantics, so
values are compared as JavaScript compares them. Queries come from callers: their depth and size are bounded, and only
the first 2000 characters of a value are compared. Source: docs/portkey.md#conditions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Protocol

from penstock.core.did_you_mean import nearest
from penstock.routing.javascript_regex import TooLarge, searcher

_MAX_DEPTH: Final = 32
_MAX_NODES: Final = 1000
_MAX_PATTERN: Final = 500
_MAX_PATTERNS: Final = 20
_MAX_SUBJECT: Final = 2000


class Missing(Enum):
    """The value that a view returns for a name that the request does not have (JavaScript's ``undefined``)."""

    MISSING = "undefined"


MISSING: Final = Missing.MISSING


class View(Protocol):
    """The parts of a request that conditions can read: parameters of its body, its metadata, the path of its URL."""

    def param(self, name: str) -> Any: ...

    def metadata(self, name: str) -> Any: ...

    @property
    def pathname(self) -> str: ...


class BadQuery(Exception):
    """A query that can't be used. ``path`` is the place of the error, such as ``$and[0].metadata.user.$foo``.

    ``plain`` is Portkey's wording of the error, empty where Portkey has none.
    """

    def __init__(self, path: str, reason: str, plain: str = "") -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
        self.plain = plain


class Condition:
    """A compiled query."""

    __slots__ = ("_holds",)

    def __init__(self, holds: Callable[[View], bool]) -> None:
        self._holds = holds

    def matches(self, view: View) -> bool:
        return self._holds(view)


def compile_query(query: Any) -> Condition:
    """Compile a query, such as ``{"metadata.plan": {"$eq": "paid"}}``. Raises BadQuery."""
    return Condition(_Compiler().query(query, "", 0))


_Holds = Callable[[View], bool]
_Check = Callable[[Any], bool]


class _Compiler:
    """Query -> functions. ``$and``, ``$or`` and ``$regex`` end the evaluation of their object: the members after them
    are checked for errors, but never evaluated."""

    def __init__(self) -> None:
        self._nodes = self._patterns = 0

    def query(self, query: Any, path: str, depth: int) -> _Holds:
        if not isinstance(query, dict):
            raise BadQuery(path, "it must be an object")
        self._count(path)
        if depth > _MAX_DEPTH:
            raise BadQuery(path, f"queries are nested more than {_MAX_DEPTH} deep")
        parts: list[_Holds] = []
        is_final = False
        for key, operand in query.items():
            where = f"{path}.{key}" if path else key
            self._count(where)
            part = self._group(key, operand, where, depth) if key.startswith("$") else self._field(key, operand, where)
            if not is_final:
                parts.append(part)
            is_final = is_final or key.startswith("$")
        return parts[0] if len(parts) == 1 else lambda view: all(holds(view) for holds in parts)

    def _group(self, key: str, operand: Any, path: str, depth: int) -> _Holds:
        if key not in _GROUPS:
            raise _unsupported(key, path, _GROUPS)
        if not isinstance(operand, list):
            raise BadQuery(path, "it must be an array of queries")
        parts = [self.query(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(operand)]
        if key == "$or":
            return lambda view: any(holds(view) for holds in parts)
        return lambda view: all(holds(view) for holds in parts)

    def _field(self, key: str, operand: Any, path: str) -> _Holds:
        read, check = _reader(key), self._operators(operand, path)
        return lambda view: check(read(view))

    def _operators(self, operand: Any, path: str) -> _Check:
        if isinstance(operand, list):
            raise BadQuery(path, "an array is equal to nothing: did you mean {'$in': [...]}?", f"{_PLAIN}: 0")
        if not isinstance(operand, dict):
            return _is_one_of([operand], True)
        checks = [self._check(operator, value, f"{path}.{operator}") for operator, value in operand.items()]
        if "$regex" in operand:
            del checks[list(operand).index("$regex") + 1 :]
        return lambda value: all(check(value) for check in checks)

    def _check(self, operator: str, operand: Any, path: str) -> _Check:
        self._count(path)
        if operator in {"$in", "$nin"} and not isinstance(operand, list):
            raise BadQuery(path, "it must be an array")
        match operator:
            case "$eq" | "$ne":
                return _is_one_of([operand], operator == "$eq")
            case "$in" | "$nin":
                return _is_one_of(operand, operator == "$in")
            case "$gt" | "$gte" | "$lt" | "$lte":
                compare, bound = _COMPARISONS[operator], _parse_float(operand)
                return lambda value: compare(_parse_float(value), bound)
            case "$regex":
                return self._regex(operand, path)
            case _:
                raise _unsupported(operator, path, _OPERATORS)

    def _regex(self, pattern: Any, path: str) -> _Check:
        if not isinstance(pattern, str) or len(pattern) > _MAX_PATTERN:
            raise BadQuery(path, f"it must be a string of at most {_MAX_PATTERN} characters")
        self._patterns += 1
        if self._patterns > _MAX_PATTERNS:
            raise BadQuery(path, f"the query has more than {_MAX_PATTERNS} regular expressions")
        try:
            search = searcher(pattern)
        except TooLarge:
            raise BadQuery(path, "its repeats multiply to too many: use smaller ones") from None
        if search is None:
            return lambda _: False
        return lambda value: search(_text(value))

    def _count(self, path: str) -> None:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise BadQuery(path, f"the query has more than {_MAX_NODES} members")


def _reader(key: str) -> Callable[[View], Any]:
    """How to read a key such as ``metadata.user`` from a request.

    Only the first two segments count. A key that no request has is no error: its value is always ``MISSING``.
    """
    namespace, *names = key.split(".")
    match namespace, names:
        case "metadata", [name, *_]:
            return lambda view: view.metadata(name)
        case "params", [name, *_]:
            return lambda view: view.param(name)
        case "url", ["pathname", *_]:
            return lambda view: view.pathname
        case _:
            return lambda _: MISSING


def _unsupported(operator: str, path: str, known: Collection[str]) -> BadQuery:
    near = nearest(operator, known, 0.0)
    reason = f"there is no operator '{operator[:64]}' here: did you mean '{near}'?"
    return BadQuery(path, reason, f"{_PLAIN}: {operator}")


_PLAIN: Final = "Unsupported operator used in the query router"
_COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "$gt": float.__gt__, "$gte": float.__ge__, "$lt": float.__lt__, "$lte": float.__le__,
}  # fmt: skip
_GROUPS: Final = ("$and", "$or")
_OPERATORS: Final = ("$eq", "$ne", *_COMPARISONS, "$in", "$nin", "$regex")


# Values as JavaScript sees them.


def _is_one_of(operands: list[Any], expected: bool) -> _Check:
    members = frozenset(map(_identity, operands))
    return lambda value: (_identity(value) in members) is expected


def _identity(value: Any) -> object:
    """A hashable. Two of them are equal if ``===`` holds: numbers are doubles, arrays and objects equal nothing."""
    match value:
        case bool():
            return (bool, value)
        case int() | float():
            return _double(value)
        case str() | None | Missing():
            return value
        case _:
            return object()


def _double(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


_SPACES: Final = (
    "\t\n\v\f\r \xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_FLOAT: Final = re.compile(r"[+-]?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)", re.ASCII)


def _parse_float(value: Any) -> float:
    """JavaScript's ``parseFloat``: the number at the start of the value's text (``"12px"`` -> 12.0), else NaN."""
    match = _FLOAT.match(_text(value).lstrip(_SPACES))
    return float(match[0]) if match else math.nan


def _text(value: Any, depth: int = 0) -> str:
    """JavaScript's ``String``, cut to ``_MAX_SUBJECT`` characters."""
    match value:
        case str():
            return value[:_MAX_SUBJECT]
        case Missing():
            return "undefined"
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _number_text(_double(value))
        case list() if depth < _MAX_DEPTH:
            texts = ("" if item is None else _text(item, depth + 1) for item in value[:_MAX_SUBJECT])
            return ",".join(texts)[:_MAX_SUBJECT]
        case _:
            return "[object Object]"


def _number_text(number: float) -> str:
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    if number == 0 or 1e-6 <= abs(number) < 1e21:
        return f"{Decimal(repr(number + 0.0)):f}".removesuffix(".0")
    return re.sub(r"(e[+-])0+", r"\1", repr(number))
