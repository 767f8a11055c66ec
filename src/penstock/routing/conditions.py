"""Conditional routing: a query of a config -> ``Condition``, which says of a request whether it holds (spec 4.4).

Everything is parsed and checked once, here; the request is seen through a ``View``. Values are compared as JavaScript
compares them, whose semantics the queries have. Queries come from callers: depth, size and the time that a
regular expression may take are bounded, whatever the request.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Collection
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Protocol

import msgspec

_MAX_DEPTH: Final = 32
_MAX_NODES: Final = 1000
_MAX_PATTERN: Final = 500
_MAX_SUBJECT: Final = 2000
_MAX_WORK: Final = 1e8


class Missing(Enum):
    """What a view gives for a name that the request does not have (JavaScript's ``undefined``)."""

    MISSING = "undefined"


MISSING: Final = Missing.MISSING


class View(Protocol):
    """What conditions may ask of a request: parameters of its body, its metadata, the path of its URL."""

    def param(self, name: str) -> Any: ...

    def metadata(self, name: str) -> Any: ...

    @property
    def pathname(self) -> str: ...


class BadQuery(Exception):
    """A query that can't be used: where (a path such as ``$and[0].metadata.user.$foo``), and why.

    ``plain`` is the reference's wording, empty where it has none.
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
    """The condition that a query states. Raises BadQuery."""
    return Condition(_Compiler().query(query, "", 0))


_Holds = Callable[[View], bool]
_Check = Callable[[Any], bool]


class _Compiler:
    """Query -> functions. What stands behind a member that ends the evaluation is checked, too, and left out."""

    def __init__(self) -> None:
        self._nodes = 0
        self._work = 0.0

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
        checks: list[_Check] = []
        is_final = False
        for operator, value in operand.items():
            where = f"{path}.{operator}"
            self._count(where)
            check = self._check(operator, value, where)
            if not is_final:
                checks.append(check)
            is_final = is_final or operator == "$regex"
        return lambda value: all(check(value) for check in checks)

    def _check(self, operator: str, operand: Any, path: str) -> _Check:
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
        if not isinstance(pattern, str):
            raise BadQuery(path, "it must be a string")
        try:
            search, work = _regular_expression(pattern)
        except _Invalid:
            return lambda _: False
        except _Refused as refused:
            raise BadQuery(path, str(refused)) from None
        self._work += work
        if self._work > _MAX_WORK:
            raise BadQuery(path, "the regular expressions of the query are too much work together")
        return lambda value: search(_text(value)) is not None

    def _count(self, path: str) -> None:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise BadQuery(path, f"the query has more than {_MAX_NODES} members")


def _reader(key: str) -> Callable[[View], Any]:
    """What a key stands for. Only two segments are read; a key that no request has is no error."""
    room, *names = key.split(".")
    match room, names:
        case "metadata", [name, *_]:
            return lambda view: view.metadata(name)
        case "params", [name, *_]:
            return lambda view: view.param(name)
        case "url", ["pathname", *_]:
            return lambda view: view.pathname
        case _:
            return lambda _: MISSING


def _unsupported(operator: str, path: str, known: Collection[str]) -> BadQuery:
    near = difflib.get_close_matches(operator, known, 1, 0.0)[0]
    reason = f"there is no operator '{operator[:64]}' here: did you mean '{near}'?"
    return BadQuery(path, reason, f"{_PLAIN}: {operator}")


_PLAIN: Final = "Unsupported operator used in the query router"
_COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "$gt": float.__gt__, "$gte": float.__ge__, "$lt": float.__lt__, "$lte": float.__le__,
}  # fmt: skip
_GROUPS: Final = ("$and", "$or")
_OPERATORS: Final = ("$eq", "$ne", *_COMPARISONS, "$in", "$nin", "$regex")


# Values as JavaScript sees them.


def _is_one_of(operands: list[Any], wanted: bool) -> _Check:
    members = frozenset(map(_identity, operands))
    return lambda value: (_identity(value) in members) is wanted


def _identity(value: Any) -> object:
    """A hashable that is equal where ``===`` holds: numbers are doubles, arrays and objects are equal to nothing."""
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
        return math.copysign(math.inf, number)


_SPACES: Final = (
    "\t\n\v\f\r \xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_FLOAT: Final = re.compile(r"[+-]?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)", re.ASCII)


def _parse_float(value: Any) -> float:
    """JavaScript's ``parseFloat``: the number that the text of a value begins with, else NaN."""
    found = _FLOAT.match(_text(value).lstrip(_SPACES))
    return float(found[0]) if found else math.nan


def _text(value: Any, depth: int = 0) -> str:
    """JavaScript's ``String``, cut to what is looked at."""
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


# Regular expressions: JavaScript's syntax (no flags) -> Python's, and a bound on the work that backtracking can make.
# A character beyond U+FFFF is one character here, where JavaScript sees two.


class _Invalid(Exception):
    """It is no regular expression in JavaScript either."""


class _Refused(Exception):
    """JavaScript accepts it; why this gateway does not."""


class _Part(msgspec.Struct, frozen=True):
    """A piece of a pattern, translated.

    ``work`` bounds the steps of trying it at one place, ``ways`` how often what follows is tried for it.
    """

    text: str
    work: float = 1.0
    ways: float = 1.0
    is_character: bool = False
    is_optional: bool = False
    is_repeatable: bool = True
    is_anchored: bool = False


_CODE: Final = r"\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\c[a-zA-Z]|\\[0-9]+|\\."
_TOKEN: Final = re.compile(
    rf"(?P<escape>{_CODE})|(?P<set>\[\^?(?:\\.|[^\]\\])*\])|(?P<open>\((?:\?(?::|<?[=!]|<(?:[^\W\d]|\$)[\w$]*>))?)"
    r"|(?P<close>\))|(?P<or>\|)|(?P<repeat>(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\??)|(?P<edge>[\^$])|(?P<char>[^\[\\])",
    re.DOTALL,
)
_MEMBER: Final = re.compile(rf"{_CODE}|.", re.DOTALL)
_LITERAL: Final = re.compile(r"[^.\\]|\\[^\w]", re.DOTALL)
_NOT_SPACES: Final = (
    r"\x00-\x08\x0e-\x1f\x21-\x9f\xa1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e\u2060-\u2fff"
    r"\u3001-\ufefe\uff00-\U0010ffff"
)
_SETS: Final = {"d": r"\d", "D": r"\D", "w": r"\w", "W": r"\W", "s": _SPACES, "S": _NOT_SPACES}
_MANY: Final = 10**9
_BOUNDS: Final = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_CONTROLS: Final = {"n": "\n", "r": "\r", "t": "\t", "v": "\v", "f": "\f", "b": "\b", "0": "\0"}


def _regular_expression(source: str) -> tuple[Callable[[str], object], float]:
    """What searches a text, and a bound on the work of it. Raises _Invalid or _Refused."""
    if len(source) > _MAX_PATTERN:
        raise _Refused(f"it is longer than {_MAX_PATTERN} characters")
    try:
        part = _Syntax(source).pattern()
        work = _bounded(part)
        return re.compile(part.text, re.ASCII).search, work
    except re.error as error:
        raise (_Refused(error.msg) if "look-behind" in error.msg else _Invalid) from None


def _bounded(part: _Part) -> float:
    work = part.work * (1 if part.is_anchored else _MAX_SUBJECT)
    if work > _MAX_WORK:
        remedy = "split it with $and" if part.is_anchored else "begin it with ^, or split it with $and"
        raise _Refused(f"it has too many repeats that can share out the same text: {remedy}")
    return work


class _Syntax:
    """Reads a pattern, token by token."""

    def __init__(self, source: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._at = self._looks = 0
        end = 0
        while end < len(source):
            found = _TOKEN.match(source, end)
            if found is None:
                raise _Invalid
            self._tokens.append((str(found.lastgroup), found[0]))
            end = found.end()
        self._tokens += [("end", ""), ("end", "")]

    def pattern(self) -> _Part:
        part = self._either(0)
        if self._kind != "end":
            raise _Invalid
        return part

    @property
    def _kind(self) -> str:
        return self._tokens[self._at][0]

    def _either(self, depth: int) -> _Part:
        options = [self._sequence(depth)]
        while self._kind == "or":
            self._at += 1
            options.append(self._sequence(depth))
        return _Part(
            "|".join(option.text for option in options),
            sum(option.work for option in options),
            sum(option.ways for option in options),
            is_anchored=all(option.is_anchored for option in options),
        )

    def _sequence(self, depth: int) -> _Part:
        parts: list[_Part] = []
        while self._kind not in {"or", "close", "end"}:
            parts.append(self._quantified(depth))
        # A search finds the same without what may be absent at either end, such as the ".*" of ".*x.*".
        while depth == 0 and parts and parts[0].is_optional:
            parts.pop(0)
        while depth == 0 and parts and parts[-1].is_optional:
            parts.pop()
        work, ways = 1.0, 1.0
        for part in parts:
            work += ways * part.work
            ways *= part.ways
        is_anchored = bool(parts) and parts[0].is_anchored
        return _Part("".join(part.text for part in parts), work, ways, is_anchored=is_anchored)

    def _quantified(self, depth: int) -> _Part:
        item = self._item(depth)
        kind, quantifier = self._tokens[self._at]
        if kind != "repeat":
            return item
        if not item.is_repeatable:
            raise _Invalid
        self._at += 1
        least, most = _bounds(quantifier)
        if most is not None:
            work, ways = _repeated(item, least, most)
        elif item.ways > 1:
            raise _Refused("a repeat without an end must not hold another repeat or alternatives")
        else:
            work = item.work * max(_MAX_SUBJECT, least)
            ways = 1.0 if self._is_delimited(item) else _MAX_SUBJECT
        return _Part(item.text + quantifier, work, ways, is_optional=least == 0)

    def _is_delimited(self, item: _Part) -> bool:
        """Whether a repeat of the item can end in one place only, because what follows fits in no other."""
        at = self._next()
        kind, text = self._tokens[at]
        if kind == "edge":
            return text == "$"
        is_literal = kind in {"char", "escape"} and _LITERAL.fullmatch(text) and self._tokens[at + 1][0] != "repeat"
        return item.is_character and bool(is_literal) and not re.match(item.text, text[-1], re.ASCII)

    def _next(self) -> int:
        """Where the token is that comes next, behind the groups that end here."""
        at = self._at
        while not self._looks and self._tokens[at][0] == "close" and self._tokens[at + 1][0] != "repeat":
            at += 1
        return at

    def _item(self, depth: int) -> _Part:
        kind, text = self._tokens[self._at]
        self._at += 1
        match kind, text:
            case "open", _:
                return self._group(text, depth)
            case "set", _:
                return _Part(_set(text), is_character=True)
            case "edge", "^":
                return _Part("^", is_repeatable=False, is_anchored=True)
            case "edge", _:
                return _Part(r"\Z", is_repeatable=False)
            case "escape", r"\b":
                return _Part(r"\b", is_repeatable=False)
            case "escape", r"\B":
                return _Part(r"(?!\b)", is_repeatable=False)
            case "escape", _:
                return _Part(f"[{_member(text)}]", is_character=True)
            case "char", _:
                return _Part(r"[^\n\r\u2028\u2029]" if text == "." else re.escape(text), is_character=True)
            case _:
                raise _Invalid

    def _group(self, opening: str, depth: int) -> _Part:
        if depth == _MAX_DEPTH:
            raise _Refused(f"its groups are nested more than {_MAX_DEPTH} deep")
        is_look = opening.endswith(("=", "!"))
        self._looks += is_look
        part = self._either(depth + 1)
        self._looks -= is_look
        if self._kind != "close":
            raise _Invalid
        self._at += 1
        if is_look:
            return _Part(f"{opening}{part.text})", part.work, is_repeatable="<" not in opening)
        return _Part(f"(?:{part.text})", part.work, part.ways, is_anchored=part.is_anchored)


def _bounds(quantifier: str) -> tuple[int, int | None]:
    if quantifier[0] in _BOUNDS:
        return _BOUNDS[quantifier[0]]
    least, comma, most = quantifier.strip("{}?").partition(",")
    most = most if comma else least
    # More than this is refused anyway, and does not fit into a float.
    return min(int(least), _MANY), min(int(most), _MANY) if most else None


def _repeated(item: _Part, least: int, most: int) -> tuple[float, float]:
    """The work and the ways of a repeat with an end."""
    if item.ways == 1:
        return item.work * most, 1.0 + most - least
    work, ways, reached = 0.0, 0.0, 1.0
    for count in range(most + 1):
        ways += reached if count >= least else 0.0
        work += reached * item.work
        reached *= item.ways
        if work > _MAX_WORK:
            break
    return work, max(1.0, ways)


def _set(text: str) -> str:
    is_negated = text.startswith("[^")
    members = _MEMBER.findall(text[2 if is_negated else 1 : -1])
    if not members:
        return r"[\s\S]" if is_negated else "(?!)"
    inside = ""
    while members:
        low, *members = members
        inside += _member(low)
        if len(members) > 1 and members[0] == "-":
            _, high, *members = members
            inside += (r"\-" if low[1:] in _SETS or high[1:] in _SETS else "-") + _member(high)
    return re.compile(f"[{'^' if is_negated else ''}{inside}]").pattern


def _member(text: str) -> str:
    """A character or an escape as it stands in a set."""
    if text[0] != "\\":
        return re.escape(text)
    name, code = text[1], text[2:]
    if text in {r"\c", r"\k"} or (name.isdigit() and text != r"\0"):
        raise _Refused(f"it has {text}, and back-references and octal escapes are not available")
    if code:
        return re.escape(chr(ord(code) % 32 if name == "c" else int(code, 16)))
    return _SETS.get(name) or re.escape(_CONTROLS.get(name, name))
