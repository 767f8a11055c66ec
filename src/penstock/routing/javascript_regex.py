"""JavaScript's regular expressions, for the queries of conditional routing and for guards.

Patterns come from callers and run on the event loop. Python's own ``re`` has no time limit, so the library ``regex``
runs the search. That library knows far more than JavaScript does (flags, recursion, fuzzy matching, ``{,3}``), and some
of it costs memory or time that can't be foreseen. So a pattern is read here, token by token, and only JavaScript's
constructs are handed on: each token is written in Python's syntax, and what the compiler will write out is counted.

Source: https://tc39.es/ecma262/#sec-patterns, with annex B (a brace that is no repeat is a character).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Final

from penstock.routing.javascript_characters import Characters, escapes, joined_halves

if TYPE_CHECKING:
    import regex

_MOST_REPEATS: Final = 100_000
"""The largest product of a pattern's bounded repeats, such as ``{2,30}``."""
_LONGEST_REPEAT: Final = 1000
"""Characters of a repeat such as ``{2,5}``, zeros among them: Python reads no number of thousands of digits."""
_LONG_TEXT: Final = 4 << 10
"""Characters of a text from which on a search may leave too much memory with its pattern."""
_LONG_FOR_TOKEN: Final = 12
"""… for each token of a pattern: a large one takes as much memory itself, and long to compile."""


@cache
def _token(*, is_unicode: bool) -> re.Pattern[str]:
    return re.compile(
        rf"""
        (?P<quantifier> (?:[*+?] | \{{(?P<least>[0-9]+)(?:,(?P<most>[0-9]*))?\}}) \?? )
        | (?P<escape> \\ (?: {escapes(is_unicode=is_unicode)} ) )
        | (?P<class> \[\^?\] | \[ (?:\\.|[^\]\\])* \] )
        | (?P<open> \( (?: \? (?: : | = | ! | <= | <! | < (?P<name>(?:[^\W\d]|\$)[\w$]*) > ) )? ) (?!\?)
        | (?P<close> \) )
        | (?P<bar> \| )
        | (?P<anchor> [$^] )
        | (?P<literal> [^\\(\[] )
        """,
        re.VERBOSE | re.DOTALL,
    )


_DOLLAR: Final = "\u01c3"
"""What stands for the dollar sign in a group's name, where Python knows none: a letter of few languages' clicks."""


def written_name(name: str) -> str:
    """A group's name as Python takes it."""
    return name.replace("$", _DOLLAR)


def name_of(written: str) -> str:
    """The group's name in JavaScript."""
    return written.replace(_DOLLAR, "$")


_ANYTHING: Final = r"[^\n\r\u2028\u2029]"
_LINE_START: Final = rf"(?<!{_ANYTHING})"
_LINE_END: Final = rf"(?!{_ANYTHING})"
_WORD: Final = re.compile(r"\w|\\[dw]|\[(?:\w|(?<=\w)-(?=\w)|\\[dw])+\]", re.ASCII)
"""A token that only a character of a word matches."""


LONGEST_RUN: Final = 64
"""Characters in a row after which ``BREAK`` stands."""
BREAK: Final = "(?<!(?!))"
"""Holds everywhere, and takes nothing. The library makes tables for a text that each match holds, before the time limit
of a search counts: for ten thousand letters that takes minutes."""


class TooLarge(Exception):
    """The repeats of a pattern multiply to more than ``_MOST_REPEATS``."""


class Pattern:
    """A pattern that is valid. ``size`` is the number of tokens that the compiler writes out: ``(?:ab){3}`` has 9.

    ``is_local``: no assertion looks beyond the text of a match, so that a match can be told before what follows is
    known; a word boundary beside a word's character is local, too. ``needed`` is a text that stands in each match,
    empty where none is known: what doesn't hold it need not be searched. ``is_wide``: not only letters of ASCII are
    letters (``Characters``). ``letters`` were looked up to compare them without regard to case.
    """

    __slots__ = ("_compiled", "_ignores_case", "_is_wide", "_letters", "_source", "is_local", "needed", "size")

    def __init__(
        self,
        source: str,
        size: int,
        *,
        is_local: bool = False,
        ignores_case: bool = False,
        is_wide: bool = False,
        needed: str = "",
        letters: int = 0,
    ) -> None:
        self._source = source
        self._letters = letters
        self.size = size
        self.needed = needed
        self.is_local = is_local
        self._ignores_case = ignores_case
        self._is_wide = is_wide
        self._compiled: regex.Pattern[str] | None = None

    @property
    def written(self) -> int:
        """Characters of the pattern in Python's syntax, each of which takes the compiler some 2 µs: a class such as
        ``\\S`` has 140, and a letter that was looked up counts as one."""
        return len(self._source) + self._letters

    @property
    def compiled(self) -> regex.Pattern[str]:
        """The compiled pattern: each search of it needs a time limit. Raises ValueError before ``compile``."""
        if self._compiled is None:
            raise ValueError("the pattern is not compiled")
        return self._compiled

    def for_text(self, text: str) -> regex.Pattern[str]:
        """The compiled pattern for a search of a text. A pattern keeps the memory that its steps back took, 20 bytes
        for each character: what searches a long text is compiled for that search alone."""
        return self.compiled if len(text) <= max(_LONG_TEXT, _LONG_FOR_TOKEN * self.size) else self._new()

    def compile(self) -> bool:
        """Compile the pattern. Returns False if the compiler refuses it: then it is no valid pattern."""
        import regex

        try:
            self._compiled = self._new()
        except (regex.error, RecursionError, OverflowError):
            return False
        return True

    def _new(self) -> regex.Pattern[str]:
        import regex  # few configs need it, and every start would pay for it

        # The library's own cache would keep patterns alive that no plan has any more.
        flags = regex.UNICODE if self._is_wide else regex.ASCII
        return regex.compile(
            self._source, flags | regex.IGNORECASE if self._ignores_case else flags, cache_pattern=False
        )

    def is_in(self, text: str, seconds: float) -> bool:
        """Whether a text contains a match; False if no match is found within some seconds."""
        try:
            return self.compiled.search(text, timeout=seconds) is not None
        except TimeoutError:
            return False


def read_pattern(source: str, flags: str = "") -> Pattern | None:
    """The pattern, not yet compiled; None if it is not valid. Raises TooLarge. Of the flags, ``i``, ``m``,
    ``s``, ``u`` and ``y`` change what the pattern means.

    This takes time in proportion to the length of the pattern.
    """
    if len(set(flags)) != len(flags):
        return None
    tokens: list[re.Match[str]] = []
    at, read = 0, _token(is_unicode="u" in flags)
    while at < len(source):
        token = read.match(source, at)
        if token is None:
            return None
        tokens.append(token)
        at = token.end()
    reader = _Reader(source, flags, tokens)
    return reader.pattern() if all(map(reader.take, tokens)) else None


class _Reader:
    """Writes a pattern in Python's syntax. ``_sizes`` are the sizes of the open groups, from the outside in."""

    def __init__(self, source: str, flags: str, tokens: list[re.Match[str]]) -> None:
        self._flags = flags
        self._characters = Characters(source, flags)
        self._all_names = frozenset([written_name(each["name"]) for each in tokens if each["name"] is not None])
        self._all_groups = sum([each[0] == "(" or each["name"] is not None for each in tokens])
        self._opened: list[tuple[str, ...]] = []
        """The numbers and names of the open groups, from the outside in."""
        self._behind = 0
        """Open look-behinds, which are read from their ends."""
        self._parts: list[str] = []
        self._tokens: list[str] = []
        self._sizes = [0]
        self._last: int | None = None
        """The size of the latest atom; None where no quantifier may stand."""
        self._repeatable: list[bool] = []
        self._behinds: list[bool] = []
        """Which of the open groups are look-behinds."""
        self._names: set[str] = set()
        self._repeats = 1
        self._run = 0
        """Atoms since the latest break."""
        self._groups = 0
        """The groups with a number that have begun."""

    def pattern(self) -> Pattern | None:
        """The whole pattern; None if a group is still open."""
        if len(self._sizes) != 1:
            return None
        is_local, ignores_case = _is_local(self._tokens), "i" in self._flags
        source = "".join(self._parts)
        if "y" in self._flags:
            # Each match begins where the one before it ended, the first at the beginning.
            source, is_local = rf"\G(?:{source})", False
        return Pattern(
            source,
            self._sizes[0],
            is_local=is_local,
            ignores_case=ignores_case,
            is_wide=self._characters.is_wide,
            needed=_needed(self._tokens, ignores_case=ignores_case),
            letters=self._characters.letters,
        )

    def take(self, token: re.Match[str]) -> bool:
        """Add a token. Returns False if no valid pattern has the token here."""
        before = self._tokens[-1] if self._tokens else ""
        self._tokens.append(token[0])
        joined = "" if "u" in self._flags else joined_halves(before, token[0])
        if joined:
            self._parts[-1] = joined
            return True
        return _KINDS[token.lastgroup or "literal"](self, token, token[0])

    def _quantifier(self, token: re.Match[str], text: str) -> bool:
        if self._last is None:
            return False
        if token["least"] is not None:
            if len(text) > _LONGEST_REPEAT:
                raise TooLarge
            least, most = int(token["least"]), int(token["most"] or 0)
            self._repeats *= max(least, most, 1)
            if self._repeats > _MOST_REPEATS:
                raise TooLarge
            self._sizes[-1] += self._last * (max(least, 1) - 1)
        self._parts.append(text)
        self._last = None
        return True

    def _escape(self, _: re.Match[str], text: str) -> bool:
        if text.startswith("\\k") and self._all_names:
            name = written_name(text[3:-1])
            return name in self._all_names and self._reference(name, name in self._names)
        is_position = text in {"\\b", "\\B"}
        if text[1:2] in _DIGITS:
            number = int(text[1:]) if len(text) < _LONGEST_NUMBER else _NO_GROUP
            if number > self._all_groups:
                return self._octal(text[1:])
            return self._reference(text[1:], number <= self._groups)
        if text.startswith("\\k") and "u" in self._flags:
            return False
        is_read = self._written(self._characters.escaped(text))
        if is_position:
            self._last = None
        return is_read

    def _reference(self, group: str, is_earlier: bool) -> bool:
        """What a group of this number or name took. One that took no part is empty: in Python a reference to it would
        fail. So is one that is still open, and a later one, save in a look-behind."""
        if any(group in opened for opened in self._opened) or not (is_earlier or self._behind):
            return self._atom("(?:)")
        taken = f"\\{group}" if group.isdecimal() else f"(?P={group})"
        return self._atom(f"(?({group}){taken}|)" if is_earlier else taken)

    def _octal(self, digits: str) -> bool:
        """A number that no group has: a character by its octal number, as far as the digits are one, and what follows
        stands for itself. The flag ``u`` forbids it."""
        octal = _LEGACY_OCTAL.match(digits)
        character = digits[0] if octal is None else chr(int(octal[0], 8))
        rest = digits[1:] if octal is None else digits[octal.end() :]
        for each in (f"\\x{ord(character):02x}", *rest):
            self._atom(each)
        return "u" not in self._flags

    def _class(self, _: re.Match[str], text: str) -> bool:
        return self._written(self._characters.group(text))

    def _open(self, token: re.Match[str], text: str) -> bool:
        name = None if token["name"] is None else written_name(token["name"])
        if name in self._names or not (name is None or name.isidentifier()):
            return False
        if name is not None:
            self._names.add(name)
            text = f"(?P<{name}>"
        is_captured = name is not None or text == "("
        self._groups += is_captured
        self._opened.append((str(self._groups), name or "") if is_captured else ())
        self._parts.append(text)
        self._sizes.append(1)
        # A group behind which a quantifier may stand: any but a look-behind, and with the flag u a look-ahead.
        is_behind = text.startswith(("(?<=", "(?<!"))
        self._repeatable.append(not (is_behind or (text in {"(?=", "(?!"} and "u" in self._flags)))
        self._behinds.append(is_behind)
        self._behind += is_behind
        self._last = None
        return True

    def _close(self, _: re.Match[str], text: str) -> bool:
        if len(self._sizes) == 1:
            return False
        size = self._sizes.pop()
        self._opened.pop()
        self._parts.append(text)
        self._sizes[-1] += size
        is_repeatable = self._repeatable.pop()
        self._behind -= self._behinds.pop()
        self._last = size if is_repeatable else None
        return True

    def _bar(self, _: re.Match[str], text: str) -> bool:
        return self._position(text)

    def _anchor(self, _: re.Match[str], text: str) -> bool:
        if "m" in self._flags:
            return self._position(_LINE_END if text == "$" else _LINE_START)
        return self._position(r"\Z" if text == "$" else text)

    def _literal(self, _: re.Match[str], text: str) -> bool:
        if text != ".":
            return self._written(self._characters.literal(text))
        return self._atom(r"[\s\S]" if "s" in self._flags else _ANYTHING)

    def _written(self, text: str) -> bool:
        """Add an atom as Python writes it; False for none."""
        return bool(text) and self._atom(text)

    def _atom(self, text: str) -> bool:
        self._run += 1
        if self._run > LONGEST_RUN:
            self._parts.append(BREAK)
            self._run = 1
        self._parts.append(text)
        self._sizes[-1] += 1
        self._last = 1
        return True

    def _position(self, text: str) -> bool:
        self._parts.append(text)
        self._sizes[-1] += 1
        self._last = None
        return True


_KINDS: Final[dict[str, Callable[[_Reader, re.Match[str], str], bool]]] = {
    "quantifier": _Reader._quantifier,
    "escape": _Reader._escape,
    "class": _Reader._class,
    "open": _Reader._open,
    "close": _Reader._close,
    "bar": _Reader._bar,
    "anchor": _Reader._anchor,
    "literal": _Reader._literal,
}


def _is_local(tokens: list[str]) -> bool:
    """Whether no assertion looks beyond the text of a match (``Pattern.is_local``)."""
    for at, written in enumerate(tokens):
        if written in {"^", "$", "\\B"} or written.startswith(("(?=", "(?!", "(?<=", "(?<!")):
            return False
        if written == "\\b" and not (_is_word_before(tokens, at) or _is_word_after(tokens, at)):
            return False
    return True


def _needed(tokens: list[str], *, ignores_case: bool) -> str:
    """The longest text that stands in each match: characters in a row outside of groups, none of which may be left
    out (``Pattern.needed``)."""
    runs, depth = [""], 0
    for at, written in enumerate(tokens):
        follows = tokens[at + 1] if at + 1 < len(tokens) else ""
        depth += written.startswith("(") - (written == ")")
        if depth == 0 and written == "|":
            return ""
        literal = _LITERAL.fullmatch(written)
        if depth or literal is None or _MAYBE_NONE.match(follows) or (ignores_case and literal[1].isalpha()):
            runs.append("")
            continue
        runs[-1] += literal[1]
        if re.fullmatch(_QUANTIFIER, follows):
            runs.append("")
    return max(runs, key=len)


_LITERAL: Final = re.compile(r"(?:\\(?=[^\w\s])|(?![.|^$()*+?\\\[]))([ -~])", re.ASCII)
"""A token that one character matches, which is told: with a backslash only where it is no letter."""


def _is_word_after(tokens: list[str], at: int) -> bool:
    if at + 1 >= len(tokens) or not _WORD.fullmatch(tokens[at + 1]):
        return False
    return at + 2 >= len(tokens) or _MAYBE_NONE.match(tokens[at + 2]) is None


def _is_word_before(tokens: list[str], at: int) -> bool:
    before = at - 1
    if before >= 0 and re.fullmatch(_QUANTIFIER, tokens[before]):
        if _MAYBE_NONE.match(tokens[before]):
            return False
        before -= 1
    return before >= 0 and _WORD.fullmatch(tokens[before]) is not None


_DIGITS: Final = frozenset("123456789")
_NO_GROUP: Final = 1_000_000
_LEGACY_OCTAL: Final = re.compile(r"[0-3][0-7]{0,2}|[4-7][0-7]?")
_LONGEST_NUMBER: Final = 6
"""Characters of a backslash and the number of a group, less than which have a meaning."""
_QUANTIFIER: Final = r"(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\??"
_MAYBE_NONE: Final = re.compile(r"[*?]|\{0+[,}]")
"""A quantifier that lets nothing be there, too."""
