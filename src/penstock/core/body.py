"""A JSON object whose values keep their bytes.

``Body`` decodes the top level only, so an untouched value leaves exactly as it came: 23-digit integers, ``1e400``,
``1.10`` and every kind of white space inside a value survive. The body is always written anew from this map, never
forwarded beside it: a doubled key would otherwise let the gateway read one value and the provider another.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from pickle import PickleBuffer
from typing import Any, Final

import msgspec

from penstock.core.json_scan import first_elements, members_of
from penstock.core.json_slices import LARGE, elements
from penstock.core.json_text import UNREADABLE, write_json
from penstock.core.rare_word import RareWord

_MAP: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])
_BOM: Final = b"\xef\xbb\xbf"
_NULL: Final = b"null"
_BRACKET: Final = ord("[")
_BEFORE_VALUE: Final = re.compile(
    rb'[ \t\n\r]*+[{,][ \t\n\r]*+("(?>[^"\\]++|\\.)*+")[ \t\n\r]*+:[ \t\n\r]*+', re.DOTALL
)
_END: Final = re.compile(rb"[ \t\n\r]*+}[ \t\n\r]*+\Z")

_MOST_MEMBERS: Final = 4096
"""Members of an object at most: every stage looks at each of them."""

Places = Mapping[str, "tuple[int, int] | bytes"]
"""Where the values of an object are in its text (start, end), or a value itself."""


class BodyError(ValueError):
    """The bytes of a request or a reply are no JSON object. The message names the reason and, where known, the
    position."""


class Body:
    """The top-level members of a JSON object, in order, each value as raw JSON bytes.

    ``members`` are for a reader of several, and not to be changed. The buffer of a value (``memoryview``) tells its
    length. ``source`` is the text that the members were read from, None for a body that was changed after it was read,
    or that only the lenient parser reads. It may hold more: a member that came twice.
    """

    __slots__ = ("_plain", "members", "source")

    def __init__(
        self, members: dict[str, msgspec.Raw | bytes], source: bytes | None = None, plain: Body | None = None
    ) -> None:
        """``plain`` is the body without members that were put to it (``addressed``)."""
        self.members = members
        self.source = source
        self._plain = plain

    def __reduce__(self) -> tuple[type[Body], tuple[dict[str, PickleBuffer]]]:
        """For another process: the values go as buffers, which need no copy (pickle's protocol 5)."""
        return Body, ({name: PickleBuffer(value) for name, value in self.members.items()},)

    @classmethod
    def parse(cls, data: bytes | memoryview) -> Body:
        """Read a JSON object. Raises BodyError for anything else.

        The fast codec refuses a byte-order mark and lone surrogate escapes, which real clients send: such a body
        goes once more through the standard library, which takes both.
        """
        try:
            members = _MAP.decode(data)
        except msgspec.ValidationError as error:
            raise BodyError(f"the request body must be a JSON object: {error}") from None
        except UNREADABLE as error:
            return cls._parse_leniently(data, error)
        if len(members) > _MOST_MEMBERS:
            raise BodyError(f"the request body has more than {_MOST_MEMBERS} members")
        return cls(members, data if isinstance(data, bytes) else None)  # type: ignore[arg-type]

    @classmethod
    def _parse_leniently(cls, data: bytes | memoryview, first: Exception) -> Body:
        if isinstance(first, RecursionError):
            raise BodyError("the request body is nested too deeply") from None
        try:
            members = dict(members_of(bytes(data).removeprefix(_BOM).decode()))
        except (ValueError, RecursionError) as error:
            raise BodyError(f"the request body is not valid JSON: {error}") from None
        if len(members) > _MOST_MEMBERS:
            raise BodyError(f"the request body has more than {_MOST_MEMBERS} members")
        return cls(dict(members))

    @classmethod
    def located(cls, data: bytes, places: Places) -> Body:
        """The body whose values are at these places of ``data``, without a copy of them."""
        view = memoryview(data)
        members = {name: view[slice(*place)] if isinstance(place, tuple) else place for name, place in places.items()}
        return cls(members)  # type: ignore[arg-type]

    def places(self, data: bytes | memoryview) -> Places:
        """Where each value is in ``data``, from which the body was parsed. A name that comes twice hides the places:
        then the values themselves."""
        found: dict[str, tuple[int, int] | bytes] = {}
        at = 0
        for name, value in self.members.items():
            before = _BEFORE_VALUE.match(data, at)
            if before is None or json.loads(before[1]) != name:
                break
            at = before.end() + len(memoryview(value))
            found[name] = (before.end(), at)
        if len(found) == len(self.members) and (not found or _END.match(data, at)):
            return found
        return {name: bytes(value) for name, value in self.members.items()}

    def lightened(self, most: int) -> Body:
        """A copy without the values of more than ``most`` bytes."""
        members = self.members.items()
        return Body({name: bytes(value) for name, value in members if len(memoryview(value)) <= most})

    @property
    def size(self) -> int:
        """The bytes of all values together."""
        return sum(len(memoryview(value)) for value in self.members.values())

    def __contains__(self, key: str) -> bool:
        return key in self.members

    def __iter__(self) -> Iterator[str]:
        return iter(self.members)

    def raw(self, key: str) -> bytes | None:
        """The member's JSON bytes, or None when it is absent."""
        value = self.members.get(key)
        return None if value is None else memoryview(value).tobytes()

    def holds(self, key: str, pattern: re.Pattern[bytes]) -> bool:
        """Whether the pattern is found in the member's JSON bytes, which aren't copied for it."""
        value = self.members.get(key)
        return value is not None and pattern.search(memoryview(value)) is not None

    def mentions(self, key: str, word: RareWord) -> bool:
        """Whether a word is in the member's JSON bytes; a large member isn't copied for it."""
        value = self.members.get(key)
        if value is None:
            return False
        view = memoryview(value)
        return word.is_in(view.tobytes()) if len(view) <= LARGE else re.search(re.escape(word.word), view) is not None

    def is_array(self, key: str) -> bool:
        """Whether the member is an array, without a copy of it."""
        value = self.members.get(key)
        return value is not None and memoryview(value)[0] == _BRACKET

    def value(self, key: str) -> Any:
        """The member decoded, or None when it is absent. Raises BodyError when the value is malformed inside."""
        raw = self.members.get(key)
        if raw is None:
            return None
        try:
            return msgspec.json.decode(raw)
        except UNREADABLE:
            try:
                return json.loads(bytes(raw))
            except (ValueError, RecursionError) as error:
                raise BodyError(f"{key} is not valid JSON: {error}") from None

    def beginning(self, key: str, limit: int) -> Any:
        """The member decoded as ``value`` does, but of a larger array or object only what ``limit`` bytes hold: the
        first elements of an array, and an empty object. So the time for it doesn't grow with the body."""
        raw = self.members.get(key)
        if raw is None or len(memoryview(raw)) <= limit:
            return self.value(key)
        view = memoryview(raw)
        match bytes(view[:1]):
            case b"{":
                return {}
            case b"[":
                return list(first_elements(bytes(view[:limit]).decode("utf-8", "ignore")))
            case _:
                return self.value(key)

    def elements(self, key: str) -> Iterable[Any] | None:
        """The decoded elements of an array, a large one a slice at a time; None for anything else.

        Raises BodyError when the value is malformed inside, perhaps only after some elements.
        """
        if not self.is_array(key):
            return None
        raw = memoryview(self.members[key])
        if len(raw) > LARGE:
            return self._sliced(key, raw)
        value = self.value(key)
        return value if isinstance(value, list) else None

    def _sliced(self, key: str, raw: memoryview) -> Iterator[Any]:
        try:
            yield from elements(raw)
        except ValueError as error:
            raise BodyError(f"{key} is not valid JSON: {error}") from None

    def beside(self, key: str) -> bytes | None:
        """The JSON of all members but one; None where there is no such member, and for a body that was changed after it
        was read."""
        if self.source is None or key not in self.members:
            return None
        others = self.members.copy()
        del others[key]
        return write_json(others)

    def objects(self, key: str) -> list[Body]:
        """The objects of an array, each with its members' own bytes. Raises BodyError when one is none."""
        value = self.raw(key) or _NULL
        try:
            elements = [bytes(element) for element in _ARRAY.decode(value)]
        except UNREADABLE:
            decoded = self.value(key)
            elements = [json.dumps(each).encode() for each in (decoded if isinstance(decoded, list) else [None])]
        return [Body.parse(element) for element in elements]

    def text(self, key: str) -> str | None:
        """The member when it is a string, else None."""
        value = self.value(key)
        return value if isinstance(value, str) else None

    def is_null(self, key: str) -> bool:
        """Whether the member is absent or ``null``."""
        value = self.members.get(key)
        return value is None or (len(memoryview(value)) == len(_NULL) and bytes(value) == _NULL)

    def replaced(self, changes: dict[str, bytes]) -> Body:
        """A copy in which each named member has the given JSON bytes: in place if it existed, else at the end."""
        return Body({**self.members, **changes})

    def addressed(self, members: dict[str, bytes]) -> Body:
        """A copy with what the request's address says, as ``replaced`` has it. ``unaddressed`` gives this body back."""
        return Body({**self.members, **members}, plain=self if self.members.keys().isdisjoint(members) else None)

    def unaddressed(self, names: AbstractSet[str]) -> Body:
        """A copy without the members of what addresses say. The body itself as it came, where its own address put them
        there and nothing was changed since."""
        plain = self._plain
        if plain is not None and plain.members.keys().isdisjoint(names):
            return plain
        return Body({name: raw for name, raw in self.members.items() if name not in names})

    def changed(self, changes: Mapping[str, bytes | None]) -> Body:
        """A copy in which each named member has the given JSON bytes, in place; None takes the member out."""
        members: dict[str, msgspec.Raw | bytes] = {}
        for name, raw in self.members.items():
            value = changes.get(name, raw)
            if value is not None:
                members[name] = value
        return Body(members)

    def without(self, key: str) -> Body:
        """A copy without one member."""
        return Body({name: raw for name, raw in self.members.items() if name != key})

    def renamed(self, old: str, new: str) -> Body:
        """A copy in which ``old`` is called ``new``, in place; an existing ``new`` gives way."""
        return Body({new if name == old else name: raw for name, raw in self.members.items() if name != new})

    def encode(self) -> bytes:
        """The object as JSON bytes, values untouched, members in order."""
        members, text = self.members, self.source
        if text is not None and self._is_written(text):
            return text
        if not members:
            return b"{}"
        each = zip(map(_KEYS.__getitem__, members), members.values(), _COMMAS, strict=False)
        parts = [b"{", *itertools.chain.from_iterable(each)]
        parts[-1] = b"}"
        return b"".join(parts)

    def _is_written(self, text: bytes) -> bool:
        """Whether the text is just what ``encode`` would write. It has all members, so it has the same length only if
        nothing else is in it: no space, no escape in a name, no member that comes twice. Other names than those of
        parameters are not looked into: their shortest form is not the one that is written."""
        names = tuple(self.members)
        size = _NAME_SIZES.get(names) or _name_size(names)
        # Joining the values is the fastest way to their length, as long as it copies little.
        values = self.size if len(text) > LARGE else len(b"".join(self.members.values()))
        return size + values == len(text)


def _key(name: str) -> bytes:
    return json.dumps(name).encode() + b":"


_PARAMETERS: Final = """
    model messages temperature max_tokens max_completion_tokens stream top_p frequency_penalty presence_penalty n stop
    tools tool_choice response_format seed logprobs top_logprobs stream_options user reasoning_effort store metadata
    parallel_tool_calls
    input instructions reasoning text include max_output_tokens previous_response_id prompt_cache_key truncation
    system thinking stop_sequences top_k output_config context_management cache_control
    contents systemInstruction generationConfig toolConfig safetySettings cachedContent labels
    inferenceConfig additionalModelRequestFields additionalModelResponseFieldPaths guardrailConfig outputConfig
    documents citation_options safety_mode k p options format think keep_alive
"""
"""Of chats, in all wires."""


class _Keys(dict[str, bytes]):
    """Names of members as JSON, with a colon. Others than those that were put in are encoded each time."""

    def __missing__(self, name: str) -> bytes:
        return _key(name)


_KEYS: Final = _Keys({name: _key(name) for name in _PARAMETERS.split()})
_NAME_SIZES: Final[dict[tuple[str, ...], int]] = {}
"""The bytes of recent bodies beside their values, by the names of their members."""
_MOST_NAME_SIZES: Final = 1024


def _name_size(names: tuple[str, ...]) -> int:
    """The bytes of an object beside its values; -1 where a name is none of those that were put in."""
    if not names or not all(name in _KEYS for name in names):
        return -1
    size = len(b"{") + sum(len(_KEYS[name]) + len(b",") for name in names)
    if len(_NAME_SIZES) >= _MOST_NAME_SIZES:
        _NAME_SIZES.clear()
    _NAME_SIZES[names] = size
    return size


_COMMAS: Final = itertools.repeat(b",")
