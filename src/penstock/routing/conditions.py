"""Conditional routing: a query of a config -> ``Condition``, which tests a request.

A query is parsed and checked once, here; a request is read through a ``View``. Queries have JavaScript's semantics, so
values are compared as JavaScript compares them. Queries come from callers: their depth and size are bounded, for each
query and for all queries of a config, and so is the time that they may take for a request. Only the first 2000
characters of a value are compared as text. Source: docs/portkey.md#conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final, Protocol

from penstock.core.did_you_mean import nearest
from penstock.routing.javascript_regex import Pattern, TooLarge, read_pattern
from penstock.routing.javascript_value import MISSING, Value

__all__ = ["MISSING", "BadQuery", "Condition", "Evaluation", "QueryBudget", "View", "compile_query"]

_MAX_DEPTH: Final = 32
_MAX_NODES: Final = 1000
_MAX_PATTERN: Final = 500
_MAX_PATTERNS: Final = 20
MOST_MEMBERS: Final = 5000
"""Members and queries of all queries of one config."""
MOST_PATTERNS: Final = 100
MOST_CHARACTERS: Final = 4000
"""Characters of all regular expressions of one config: the compiler needs up to 16 us a character."""
MOST_WRITTEN_OUT: Final = 10_000
"""Tokens that the compiler writes out for all regular expressions of one config: up to 350 bytes each."""
SEARCH_SECONDS: Final = 0.02
"""Seconds for all searches of a request; ordinary ones take microseconds."""
_LONGEST_SEARCH: Final = 0.01


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


class Evaluation:
    """One request while conditions test it: each value is read once, and all searches share one time limit.

    ``timer`` returns the seconds of computing time that have been used; without it only single searches are limited.
    """

    __slots__ = ("_seconds_left", "_timer", "_values", "_view")

    def __init__(self, view: View, timer: Callable[[], float] = lambda: 0.0) -> None:
        self._view = view
        self._timer = timer
        self._seconds_left = SEARCH_SECONDS
        self._values: dict[tuple[str, str], Value] = {}

    def value(self, namespace: str, name: str) -> Value:
        """The value of ``metadata.NAME`` or ``params.NAME``; the path for ``url``."""
        value = self._values.get((namespace, name))
        if value is None:
            view = self._view
            match namespace:
                case "metadata":
                    raw = view.metadata(name)
                case "params":
                    raw = view.param(name)
                case _:
                    raw = view.pathname
            value = self._values[namespace, name] = Value(raw)
        return value

    def search(self, pattern: Pattern, text: str) -> bool:
        """Whether a text contains a match; False if the time for the conditions of a request is spent."""
        if self._seconds_left <= 0:
            return False
        began = self._timer()
        found = pattern.is_in(text, min(self._seconds_left, _LONGEST_SEARCH))
        self._seconds_left -= self._timer() - began
        return found


class Condition:
    """A compiled query. ``size`` is the memory that it takes, estimated, in bytes."""

    __slots__ = ("_holds", "size")

    def __init__(self, holds: Callable[[Evaluation], bool], size: int = 0) -> None:
        self._holds = holds
        self.size = size

    def matches(self, request: View | Evaluation) -> bool:
        """Whether the query holds for a request. The conditions of one request share an ``Evaluation``."""
        return self._holds(request if isinstance(request, Evaluation) else Evaluation(request))


class QueryBudget:
    """The costs of all queries of a config: members, regular expressions, their characters and their repeats.

    Every method raises BadQuery as soon as a limit is passed.
    """

    __slots__ = ("_characters", "_members", "_operands", "_patterns", "_size")

    def __init__(self) -> None:
        self._members = self._operands = self._patterns = self._characters = self._size = 0

    @property
    def size(self) -> int:
        """The bytes that the compiled queries take, estimated."""
        return 600 * self._members + 150 * self._operands + 500 * self._characters + 350 * self._size

    def member(self, path: str) -> None:
        self._members += 1
        if self._members > MOST_MEMBERS:
            raise BadQuery(path, f"the queries of the config have more than {MOST_MEMBERS} members")

    def operands(self, number: int) -> None:
        """Count the values of a list; the bytes of the config bound them."""
        self._operands += number

    def pattern(self, source: str, path: str) -> None:
        """Count a pattern before it is read."""
        self._patterns += 1
        if self._patterns > MOST_PATTERNS:
            raise BadQuery(path, f"the config has more than {MOST_PATTERNS} regular expressions")
        self._characters += len(source)
        if self._characters > MOST_CHARACTERS:
            text = f"the regular expressions of the config have more than {MOST_CHARACTERS} characters together"
            raise BadQuery(path, text)

    def repeats(self, size: int, path: str) -> None:
        """Count what the compiler writes out for a pattern, before it does."""
        self._size += size
        if self._size > MOST_WRITTEN_OUT:
            text = "the repeats of the config's regular expressions are too many together: use smaller ones"
            raise BadQuery(path, text)


def compile_query(query: Any, budget: QueryBudget | None = None) -> Condition:
    """Compile a query, such as ``{"metadata.plan": {"$eq": "paid"}}``. Raises BadQuery.

    The queries of one config share a ``budget``.
    """
    budget = QueryBudget() if budget is None else budget
    before = budget.size
    holds = _Compiler(budget).query(query, "", 0)
    return Condition(holds, budget.size - before)


_Holds = Callable[[Evaluation], bool]
_Check = Callable[[Value, Evaluation], bool]


class _Compiler:
    """Query -> functions. ``$and``, ``$or`` and ``$regex`` end the evaluation of their object: the members after them
    are checked for errors, but never evaluated."""

    def __init__(self, budget: QueryBudget) -> None:
        self._budget = budget
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
        return parts[0] if len(parts) == 1 else lambda request: all(holds(request) for holds in parts)

    def _group(self, key: str, operand: Any, path: str, depth: int) -> _Holds:
        if key not in _GROUPS:
            raise _unsupported(key, path, _GROUPS)
        if not isinstance(operand, list):
            raise BadQuery(path, "it must be an array of queries")
        parts = [self.query(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(operand)]
        if key == "$or":
            return lambda request: any(holds(request) for holds in parts)
        return lambda request: all(holds(request) for holds in parts)

    def _field(self, key: str, operand: Any, path: str) -> _Holds:
        read, check = _reader(key), self._operators(operand, path)
        return lambda request: check(read(request), request)

    def _operators(self, operand: Any, path: str) -> _Check:
        if isinstance(operand, list):
            raise BadQuery(path, "an array is equal to nothing: did you mean {'$in': [...]}?", f"{_PLAIN}: 0")
        if not isinstance(operand, dict):
            return _is_one_of([operand], True)
        checks = [self._check(operator, value, f"{path}.{operator}") for operator, value in operand.items()]
        if "$regex" in operand:
            del checks[list(operand).index("$regex") + 1 :]
        return lambda value, request: all(check(value, request) for check in checks)

    def _check(self, operator: str, operand: Any, path: str) -> _Check:
        self._count(path)
        if operator in {"$in", "$nin"} and not isinstance(operand, list):
            raise BadQuery(path, "it must be an array")
        match operator:
            case "$eq" | "$ne":
                return _is_one_of([operand], operator == "$eq")
            case "$in" | "$nin":
                self._budget.operands(len(operand))
                return _is_one_of(operand, operator == "$in")
            case "$gt" | "$gte" | "$lt" | "$lte":
                compare, bound = _COMPARISONS[operator], Value(operand).number()
                return lambda value, _: compare(value.number(), bound)
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
        self._budget.pattern(pattern, path)
        try:
            found = read_pattern(pattern)
        except TooLarge:
            raise BadQuery(path, "its repeats multiply to too many: use smaller ones") from None
        if found is None:
            return _never
        self._budget.repeats(found.size, path)
        return _search(found) if found.compile() else _never

    def _count(self, path: str) -> None:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise BadQuery(path, f"the query has more than {_MAX_NODES} members")
        self._budget.member(path)


def _never(_: Value, __: Evaluation) -> bool:
    return False


def _search(pattern: Pattern) -> _Check:
    return lambda value, request: request.search(pattern, value.text())


def _reader(key: str) -> Callable[[Evaluation], Value]:
    """How to read a key such as ``metadata.user`` from a request.

    Only the first two segments count. A key that no request has is no error: its value is always ``MISSING``.
    """
    namespace, *names = key.split(".", 2)
    match namespace, names:
        case (("metadata" | "params"), [name, *_]):
            return lambda request: request.value(namespace, name)
        case "url", ["pathname", *_]:
            return lambda request: request.value("url", "pathname")
        case _:
            return lambda _: _ABSENT


_ABSENT: Final = Value(MISSING)


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


def _is_one_of(operands: list[Any], expected: bool) -> _Check:
    members = frozenset(Value(operand).identity() for operand in operands)
    return lambda value, _: (value.identity() in members) is expected
