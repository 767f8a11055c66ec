"""Names of members that hosts read differently: in another case, or twice in one object.

Guards read names as they are written, and the last of two members of one name. Go's ``encoding/json`` takes
``"Content"`` for ``content``, and some readers take the first of two members: a text there would be judged by nobody.
Source: https://pkg.go.dev/encoding/json#Unmarshal, RFC 8259 section 4.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from operator import itemgetter
from typing import Any, Final

_NAMES: Final = frozenset(
    """
    arguments content contents documents function functions input instructions message messages parts prompt query
    reasoning reasoning_content refusal role suffix system template text texts thinking tool_calls
    """.split()
)
"""The members in which texts stand, or which say whose texts they are."""
_USUAL: Final = frozenset({"role", "content", "type", "text"})
_PARAMETERS: Final = _NAMES | frozenset(
    """
    model temperature max_tokens max_completion_tokens stream top_p frequency_penalty presence_penalty n stop tools
    tool_choice response_format seed logprobs top_logprobs stream_options user reasoning_effort store metadata
    parallel_tool_calls
    """.split()
)
"""Names of a request's members that need no look."""
_DEPTH: Final = 6
_TAIL: Final = itemgetter(slice(-3, None))
_LONG: Final = 1 << 20
_UNCLEAR: Final = (b" \0", b"\t\0", b"\r\0", b"\n\0", b'\\\\"\0')
"""Before a colon: white space, or what may be an escaped quote as well as the end of a name."""


def in_other_case(names: Iterable[str], value: Any) -> str:
    """A name that means another one to some hosts: among those of a body, or below its members ``value`` that hold
    texts. Empty where there is none. What a model is told of tools has names of its own, and is no such member."""
    found = among_others(names)
    if not found and isinstance(value, dict):
        for name, each in value.items():
            if name in _NAMES and isinstance(each, list):
                found = found or _below(each, _DEPTH)
    return found


def among_others(names: Iterable[str]) -> str:
    """A name in another case among some names; empty where there is none. Go's readers fold case as Unicode does:
    ``meſſages`` are ``messages``, too. To readers in C a name ends before ``\\u0000``."""
    if _PARAMETERS.issuperset(names):
        return ""
    for name in names:
        if name not in _NAMES and name.casefold().partition("\0")[0] in _NAMES:
            return name
    return ""


def _below(items: list[Any], depth: int) -> str:
    """In objects of a list, and in the lists and calls that they hold. Objects of arguments have names of their own."""
    for item in items:
        if not isinstance(item, dict):
            continue
        if not item.keys() <= _USUAL and (found := among_others(item)):
            return found
        for name, each in item.items():
            if isinstance(each, list):
                found = _below(each, depth - 1) if depth else ""
            else:
                found = among_others(each) if name == "function" and isinstance(each, dict) else ""
            if found:
                return found
    return ""


def members_in(value: Any) -> int:
    """How many members all objects of a decoded value have."""
    count, left = 0, [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            count += len(each)
            left += [inner for inner in each.values() if isinstance(inner, dict | list)]
        elif isinstance(each, list):
            left += [inner for inner in each if isinstance(inner, dict | list)]
    return count


def coming_twice(raw: bytes, members: int) -> str:
    """A name that comes twice in an object of a JSON text, whose decoded value has so many ``members``: a member that
    came twice is missing there. Empty where none comes twice.

    Each member has a colon behind a quote, and a quote within a string has a backslash: nearly always the colons tell.
    """
    # To take them out is faster than to count them: C looks for the next one, and counts character by character.
    colons = raw.count(b":") if len(raw) > _LONG else len(raw) - len(raw.replace(b":", b""))
    if colons == members:
        return ""
    tails = b"\0".join(map(_TAIL, raw.split(b":")))
    if tails.count(b'"\0') - tails.count(b'\\"\0') == members and not any(map(tails.__contains__, _UNCLEAR)):
        return ""
    try:
        json.loads(raw, object_pairs_hook=_once, parse_int=len, parse_float=len)
    except _Twice as error:
        return error.name
    except (ValueError, RecursionError):
        return "a member that can't be read"
    return ""


class _Twice(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _once(members: list[tuple[str, Any]]) -> None:
    """Look for a name that comes twice. Raises _Twice. The value is of no interest."""
    if len(dict(members)) < len(members):
        seen = set[str]()
        for name, _ in members:
            if name in seen:
                raise _Twice(name)
            seen.add(name)
