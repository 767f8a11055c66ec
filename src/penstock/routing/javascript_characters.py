"""What one character, escape or class of a JavaScript pattern is in Python's syntax (javascript_regex.py reads the
pattern around them).

With the flag ``u`` a pattern knows code points and properties, and an escape without a meaning is an error. Source:
https://tc39.es/ecma262/#sec-patterns, with annex B where that flag is missing.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from penstock.routing.javascript_case import CASED, Ranges, in_other_cases

_PAIR: Final = r"u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}"
"""The two halves of a character beyond U+FFFF."""
_CODE_POINT: Final = r"u\{0*[0-9A-Fa-f]{1,6}\}"
_PROPERTY: Final = r"[pP]\{\w+(?:=\w+)?\}"
_SET: Final = re.compile(r"\\[dDsSwWpP]")
_CLASSES: Final = {"[]": "(?!)", "[^]": r"[\s\S]"}
_SAME: Final = frozenset("dDwWbBtnvfr")
"""The letters that mean the same behind a backslash in both syntaxes."""
_SYNTAX: Final = frozenset("^$\\.*+?()[]{}|/")
"""The signs that may stand behind a backslash with the flag ``u``."""
_SPACES: Final = {
    "\\s": r"\t-\r\x20\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff",
    "\\S": r"\x00-\x08\x0e-\x1f\x21-\x9f\xa1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e\u2060-\u2fff"
    r"\u3001-\ufefe\uff00-\U0010ffff",
}
"""White space as JavaScript has it, and everything else: the inside of a class."""
_ASCII_SETS: Final = {
    "\\d": "0-9",
    "\\D": r"\x00-/:-\U0010ffff",
    "\\w": "0-9A-Za-z_",
    "\\W": r"\x00-/:-@\[-\^`{-\U0010ffff",
}
"""The inside of a class, in a pattern that the compiler takes for one of all letters."""
_FOLDED_SETS: Final = _ASCII_SETS | {
    "\\w": r"0-9A-Za-z_\u017f\u212a",
    "\\W": r"\x00-/:-@\[-\^`{-\u017e\u0180-\u2129\u212b-\U0010ffff",
}
"""The same with the flags ``i`` and ``u``, with which the long s and the Kelvin sign are letters of words."""
_FOLDED_WORD: Final = r"[0-9A-Za-z_\u017f\u212a]"
_FOLDED_BOUNDARIES: Final = {
    "\\b": f"(?-i:(?<={_FOLDED_WORD})(?!{_FOLDED_WORD})|(?<!{_FOLDED_WORD})(?={_FOLDED_WORD}))",
    "\\B": f"(?-i:(?<={_FOLDED_WORD})(?={_FOLDED_WORD})|(?<!{_FOLDED_WORD})(?!{_FOLDED_WORD}))",
}
_MOST_LETTERS: Final = 200_000
"""Letters that are looked up for the classes of a pattern: then nobody takes it any more (``Characters.letters``)."""
_CONTROLS: Final = {"\\t": 9, "\\n": 10, "\\v": 11, "\\f": 12, "\\r": 13, "\\b": 8}
_PUNCTUATION: Final = frozenset("\\^$.|?*+()[]{}-&~#/,:;<=>!@%`'\" \t")
_HEX: Final = re.compile(r"\\(?:x|u\{?)([0-9A-Fa-f]+)\}?")
_OCTAL: Final = re.compile(r"\\[0-7]+")
_LETTERS_BEYOND: Final = re.compile(r"[^\x00-\x7f]|\\x[89a-fA-F]|\\u|\\[1-9]|\\k<")
_GENERAL: Final = frozenset(
    """
    C Cc Cf Cn Co Cs L LC Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs
    Other Control cntrl Format Unassigned Private_Use Surrogate Letter Cased_Letter Lowercase_Letter Modifier_Letter
    Other_Letter Titlecase_Letter Uppercase_Letter Mark Combining_Mark Spacing_Mark Enclosing_Mark Nonspacing_Mark
    Number Decimal_Number digit Letter_Number Other_Number Punctuation punct Connector_Punctuation Dash_Punctuation
    Close_Punctuation Final_Punctuation Initial_Punctuation Other_Punctuation Open_Punctuation Symbol Currency_Symbol
    Modifier_Symbol Math_Symbol Other_Symbol Separator Line_Separator Paragraph_Separator Space_Separator
    """.split()
)
"""The general categories. Source: https://tc39.es/ecma262/#table-unicode-general-category-values"""
_BINARY: Final = frozenset(
    """
    ASCII ASCII_Hex_Digit AHex Alphabetic Alpha Any Assigned Bidi_Control Bidi_C Bidi_Mirrored Bidi_M Case_Ignorable CI
    Cased Changes_When_Casefolded CWCF Changes_When_Casemapped CWCM Changes_When_Lowercased CWL Changes_When_Titlecased
    CWT Changes_When_Uppercased CWU Dash Default_Ignorable_Code_Point DI Deprecated Dep Diacritic Dia Emoji
    Emoji_Component EComp Emoji_Modifier EMod Emoji_Modifier_Base EBase Emoji_Presentation EPres Extended_Pictographic
    ExtPict Extender Ext Grapheme_Base Gr_Base Grapheme_Extend Gr_Ext Hex_Digit Hex IDS_Binary_Operator IDSB
    IDS_Trinary_Operator IDST ID_Continue IDC ID_Start IDS Ideographic Ideo Join_Control Join_C Logical_Order_Exception
    LOE Lowercase Lower Math Noncharacter_Code_Point NChar Pattern_Syntax Pat_Syn Pattern_White_Space Pat_WS
    Quotation_Mark QMark Radical Regional_Indicator RI Sentence_Terminal STerm Soft_Dotted SD Terminal_Punctuation Term
    Unified_Ideograph UIdeo Uppercase Upper Variation_Selector VS White_Space space XID_Continue XIDC XID_Start XIDS
    """.split()
)
"""Source: https://tc39.es/ecma262/#table-binary-unicode-properties"""
_SCRIPTS: Final = frozenset({"Script", "sc", "Script_Extensions", "scx"})


@cache
def escapes(*, is_unicode: bool) -> str:
    """The source of what may stand behind a backslash outside of classes, for a pattern with the flag ``u`` or not."""
    wide = rf"{_CODE_POINT} | {_PROPERTY} | " if is_unicode else ""
    return (
        rf"{wide}{_PAIR} | c[A-Za-z] | (?=c) | x[0-9A-Fa-f]{{2}} | u[0-9A-Fa-f]{{4}} | k<(?:[^\W\d]|\$)[\w$]*>"
        r" | 0[0-7]{0,2} | [1-9][0-9]* | ."
    )


@cache
def _in_class(*, is_unicode: bool) -> re.Pattern[str]:
    if is_unicode:
        inner = rf"{_CODE_POINT}|{_PROPERTY}|{_PAIR}|c[A-Za-z]|x[0-9A-Fa-f]{{2}}|u[0-9A-Fa-f]{{4}}|[0-9]+|."
    else:
        inner = r"c[A-Za-z0-9_]|(?=c)|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[0-3][0-7]{0,2}|[4-7][0-7]?|."
    return re.compile(rf"\\(?:{inner})|.", re.DOTALL)


class Characters:
    """How a pattern with some flags writes characters.

    ``is_wide``: the compiler takes the pattern for one of all letters and not of ASCII's alone: it names a property, or
    compares letters beyond ASCII without regard to case. What means ASCII in JavaScript is then written out, and so
    are the letters that are one (javascript_case.py). ``letters``: how many were looked up for that.
    """

    def __init__(self, source: str, flags: str) -> None:
        self._is_unicode = "u" in flags
        self._folds = "i" in flags and (self._is_unicode or _LETTERS_BEYOND.search(source) is not None)
        self.is_wide = self._folds or (self._is_unicode and re.search(r"\\[pP]", source) is not None)
        self._sets = _FOLDED_SETS if self._folds and self._is_unicode else _ASCII_SETS
        self.letters = 0

    def literal(self, character: str) -> str:
        """A character that stands for itself; empty for one that can't, with the flag ``u``."""
        if self._is_unicode and character in "]{}":
            return ""
        return self._in_any_case(_plain(character))

    def escaped(self, text: str) -> str:
        """An escape: a letter without a meaning in JavaScript stands for itself. Empty for one that is an error."""
        letter = text[1:2]
        if text in _SPACES:
            return f"[{_SPACES[text]}]"
        if self.is_wide and text in self._sets:
            return f"(?-i:[{self._sets[text]}])"
        if self.is_wide and text in _FOLDED_BOUNDARIES:
            return _FOLDED_BOUNDARIES[text] if self._folds and self._is_unicode else f"(?a:{text})"
        if letter in _SAME:
            return text
        return self._in_any_case(self._character(text))

    def group(self, text: str) -> str:
        """A character class, whose brackets and operators Python would read as classes within the class; empty for
        what is none."""
        if text in _CLASSES:
            return _CLASSES[text]
        negates = text.startswith("[^")
        atoms = _in_class(is_unicode=self._is_unicode).findall(text[2:-1] if negates else text[1:-1])
        parts, at = list[str](), 0
        ranges: Ranges = []
        while at < len(atoms):
            first, last = atoms[at], atoms[at + 2] if atoms[at + 1 : at + 2] == ["-"] and at + 2 < len(atoms) else None
            written = [self._of_class(each) for each in (first, *(() if last is None else (last,)))]
            if not all(written):
                return ""
            if last is not None and (_SET.match(first) or _SET.match(last)):
                # Annex B: no range, and the hyphen stands for itself.
                if self._is_unicode:
                    return ""
                parts.append(r"\-".join(written))
            else:
                parts.append("-".join(written))
                ranges += [] if _SET.match(first) else [(_point(written[0]), _point(written[-1]))]
            at += 1 if last is None else 3
        inside = "".join(parts)
        if self._folds and not _OF_PROPERTY.search(inside):
            return f"(?-i:[{'^' if negates else ''}{inside}{self._in_other_cases(ranges)}])"
        return f"[{'^' if negates else ''}{inside}]"

    def _in_any_case(self, written: str) -> str:
        """A character as it is written, or a class of it and of all that are one letter with it. Whatever else is
        written stays."""
        if not self._folds or _ONE.fullmatch(written) is None:
            return written
        point = _point(written)
        if not any(first <= point <= last for first, last in CASED):
            return written
        return f"(?-i:[{written}{self._in_other_cases([(point, point)])}])"

    def _in_other_cases(self, ranges: Ranges) -> str:
        """The inside of a class: what is one letter with a character of some ranges."""
        if self.letters > _MOST_LETTERS:
            return ""
        others, letters = in_other_cases(ranges, is_unicode=self._is_unicode)
        self.letters += letters
        return "".join([f"{_numbered(first)}-{_numbered(last)}" for first, last in others])

    def _of_class(self, part: str) -> str:
        if part in _SPACES:
            return _SPACES[part]
        if self.is_wide and part in self._sets:
            return self._sets[part]
        if not part.startswith("\\"):
            return f"\\{part}" if part in "[&~|-^" else part
        if _OCTAL.fullmatch(part):
            return "" if self._is_unicode and part != "\\0" else f"\\x{int(part[1:], 8):02x}"
        if part == "\\B":
            return "" if self._is_unicode else "B"
        if part == "\\-":
            return part
        return part if part[1:2] in _SAME else self._character(part)

    def _character(self, text: str) -> str:
        """An escape that stands for one character, or for those of a property; empty for an error."""
        letter, number = text[1:2], _HEX.fullmatch(text)
        if number is not None:
            return _numbered(int(number[1], 16))
        if re.fullmatch(rf"\\{_PAIR}", text):
            return _whole(int(text[2:6], 16), int(text[8:12], 16))
        if letter == "c" and len(text) == 3:
            return f"\\x{ord(text[2]) % 32:02x}"
        if letter == "0":
            return "" if self._is_unicode and len(text) > 2 else f"\\x{int(text[1:], 8):02x}"
        if self._is_unicode:
            if text.startswith(("\\p", "\\P")):
                return _property(text)
            return "".join(map(_plain, text[1:])) if text[1:] in _SYNTAX else ""
        # A backslash before a "c" that names no control character stands for itself.
        return "".join(map(_plain, text[1:] or text))


_OF_PROPERTY: Final = re.compile(r"(?<!\\)(?:\\\\)*\\[pP]\{")
_ONE: Final = re.compile(r"\\x[0-9a-f]{2}|\\U[0-9a-f]{8}|\\?.", re.DOTALL)
"""One character as Python writes it."""


def _point(written: str) -> int:
    """The code point of a character as Python writes it."""
    return int(written[2:], 16) if len(written) > 2 else _CONTROLS.get(written, ord(written[-1]))


_HALF: Final = r"\\u([dD][89a-fA-F][0-9A-Fa-f]{2})"
_HALVES: Final = re.compile(rf"{_HALF}(?:-{_HALF})?")
_ONLY_HALVES: Final = re.compile(rf"{_HALF}|\[(?:{_HALF}(?:-{_HALF})?)+\]")
_MOST_RANGES: Final = 64


def joined_halves(first: str, second: str) -> str:
    """The class of the characters beyond U+FFFF whose halves two tokens in a row list, as patterns without the flag
    ``u`` name them: ``[\\ud83c\\ud83d]`` and ``[\\udc00-\\udfff]``. Empty where they list something else."""
    if _ONLY_HALVES.fullmatch(second) is None or _ONLY_HALVES.fullmatch(first) is None:
        return ""
    highs, lows = _ranges(first), _ranges(second)
    if not all(0xD800 <= start <= end < 0xDC00 for start, end in highs) or not all(
        0xDC00 <= start <= end for start, end in lows
    ):
        return ""
    if lows == [(0xDC00, 0xDFFF)]:
        ranges = [(start, end, *lows[0]) for start, end in highs]
    else:
        if sum(end - start + 1 for start, end in highs) * len(lows) > _MOST_RANGES:
            return ""
        ranges = [(each, each, *low) for start, end in highs for each in range(start, end + 1) for low in lows]
    return f"[{''.join(f'{_whole(high, low)}-{_whole(last, end)}' for high, last, low, end in ranges)}]"


def _ranges(halves: str) -> list[tuple[int, int]]:
    return [(int(each[1], 16), int(each[2] or each[1], 16)) for each in _HALVES.finditer(halves)]


def _whole(high: int, low: int) -> str:
    return _numbered(0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF))


def _numbered(point: int) -> str:
    """A code point; empty for a number that is none."""
    if point > 0x10FFFF:
        return ""
    return f"\\x{point:02x}" if point < 0x100 else f"\\U{point:08x}"


def _property(text: str) -> str:
    r"""A property, ``\p{L}`` or ``\p{Script=Greek}``; empty for one that JavaScript doesn't have. The compiler knows
    which scripts there are."""
    name, _, value = text[3:-1].partition("=")
    if value:
        is_known = name in _SCRIPTS or (name in {"General_Category", "gc"} and value in _GENERAL)
    else:
        is_known = name in _GENERAL or name in _BINARY
    return text if is_known and len(text) > 3 else ""


def _plain(character: str) -> str:
    return f"\\{character}" if character in _PUNCTUATION else character
