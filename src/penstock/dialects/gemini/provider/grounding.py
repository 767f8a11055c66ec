"""The sources of a grounded answer as citations, and what its tokens were worth as OpenAI's log probabilities.

Google places a citation by UTF-8 bytes of a part's text; here places are characters of the choice's whole text. Only
a whole reply has Google's parts: a stream has them cut, so that a place counts once the text there is the cited one.
Source: Gemini API reference, "GroundingMetadata", "LogprobsResult".
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from penstock.core import json_text
from penstock.core.events import Citation, Logprobs
from penstock.core.json_text import write_json

_SOURCES: Final = ("web", "retrievedContext", "maps", "image")
"""The kinds of a grounding chunk, each an object with a ``title`` and a ``uri``."""
_STEP: Final = 1024
_MOST_SEARCHES: Final = 256
"""Segments that are looked for in the whole text at most, because they aren't where their offsets say."""
_MOST_TOLD: Final = 4 << 20
"""Bytes of sources that are told at most beyond the first telling of each: many pieces may rest on the same source."""
_ADDRESSES: Final = ("uri", "sourceUri")


def citations(grounding: Mapping[str, Any], parts: Sequence[str], choice: int, block: int) -> Iterable[Citation]:
    """Every source of every supported piece of the text. ``parts`` are the pieces of text as they came, empty for
    other parts; ``block`` is that of the last of them. Sources that support nothing in particular stand for it all."""
    chunks = _objects(grounding.get("groundingChunks"))
    supports = _objects(grounding.get("groundingSupports"))
    text, budget = _Text(parts), _Budget(chunks)
    for support in supports:
        segment = support.get("segment")
        segment = segment if isinstance(segment, dict) else {}
        start, end = text.place(segment)
        indices = support.get("groundingChunkIndices")
        for index in indices if isinstance(indices, list) else ():
            if type(index) is int and 0 <= index < len(chunks) and budget.admits(index, segment):
                yield _citation({"segment": segment, **chunks[index]}, start, end, choice, block)
    if not supports:
        for chunk in chunks:
            yield _citation(chunk, None, None, choice, block)


def _citation(raw: Mapping[str, Any], start: int | None, end: int | None, choice: int, block: int) -> Citation:
    held = next((source for kind in _SOURCES if isinstance(source := raw.get(kind), dict)), {})
    url = next((found for name in _ADDRESSES if isinstance(found := held.get(name), str)), "")
    title = held.get("title")
    return Citation(raw, url, title if isinstance(title, str) else "", start, end, choice, block)


class _Budget:
    """How often sources are told again: a few short ones as often as they are cited, long ones not without end."""

    def __init__(self, chunks: Sequence[Mapping[str, Any]]) -> None:
        self._chunks = chunks
        self._sizes: dict[int, int] = {}
        self._told = 0

    def admits(self, index: int, segment: Mapping[str, Any]) -> bool:
        """Whether a source may be told, once more, with a segment; then it counts."""
        size = self._sizes.get(index)
        if size is None:
            size, self._sizes[index] = 0, len(write_json(self._chunks[index]))
        self._told += size + len(json_text.text(segment, "text"))
        return self._told <= _MOST_TOLD


class _Text:
    """The text of a choice, and where its parts begin in it. It can be asked for any number of places."""

    def __init__(self, parts: Sequence[str]) -> None:
        encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
        self._data = b"".join(encoded)
        self._starts = [0]
        for part in encoded[:-1]:
            self._starts.append(self._starts[-1] + len(part))
        text = "".join(parts)
        pieces = [text[at : at + _STEP].encode("utf-8", "surrogatepass") for at in range(0, len(text), _STEP)]
        self._steps = [0, *accumulate(map(len, pieces[:-1]))]
        """The bytes before each ``_STEP`` characters."""
        self._searches = 0

    def place(self, segment: Mapping[str, Any]) -> tuple[int | None, int | None]:
        """Where the segment is, in characters: at its offsets if they hold what it says, or else where that stands."""
        start, end, part = (_number(segment.get(name)) for name in ("startIndex", "endIndex", "partIndex"))
        text = segment.get("text")
        wanted = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else b""
        base = self._starts[part] if part < len(self._starts) else 0
        for offset in (base, 0):
            if start < end and (not wanted or self._holds(wanted, offset + start, offset + end)):
                return self._characters(offset + start), self._characters(offset + end)
        found = self._found(wanted)
        return (None, None) if found < 0 else (self._characters(found), self._characters(found + len(wanted)))

    def _holds(self, wanted: bytes, start: int, end: int) -> bool:
        """Whether these bytes are the wanted ones; a slice ends where the text ends."""
        return min(end, len(self._data)) - start == len(wanted) and self._data.startswith(wanted, start)

    def _found(self, wanted: bytes) -> int:
        """Where the text holds the wanted bytes, -1 if it doesn't, or if too many others were looked for before."""
        self._searches += bool(wanted)
        return self._data.find(wanted) if wanted and self._searches <= _MOST_SEARCHES else -1

    def _characters(self, offset: int) -> int:
        step = max(bisect_right(self._steps, offset) - 1, 0)
        start = self._steps[step]
        return step * _STEP + len(self._data[start:offset].decode("utf-8", "ignore"))


def logprobs(result: Mapping[str, Any], choice: int) -> Iterable[Logprobs]:
    """The tokens that were chosen, each with its likeliest alternatives."""
    tops = [_objects(step.get("candidates")) for step in _objects(result.get("topCandidates"))]
    content = []
    for position, chosen in enumerate(_objects(result.get("chosenCandidates"))):
        token = _token(chosen)
        if token:
            alternatives = tops[position] if position < len(tops) else []
            content.append({**token, "top_logprobs": [found for each in alternatives if (found := _token(each))]})
    if content:
        yield Logprobs(tuple(content), choice)


def _token(value: Mapping[str, Any]) -> dict[str, Any]:
    """A token in OpenAI's shape; empty when it has no probability (a zero, Google leaves out)."""
    text, number = value.get("token"), value.get("logProbability", 0)
    if not isinstance(text, str) or type(number) not in {int, float} or not abs(number) < 1 << 53:
        return {}
    return {"token": text, "logprob": number, "bytes": [*text.encode("utf-8", "surrogatepass")]}


def _number(value: Any) -> int:
    """An index; Google leaves out a zero."""
    return value if type(value) is int and value > 0 else 0


def _objects(value: Any) -> list[dict[str, Any]]:
    """The list with its places kept: what is no object counts as an empty one."""
    return [item if isinstance(item, dict) else {} for item in value] if isinstance(value, list) else []
