"""Replies and chunks of hosts that deviate from OpenAI's, and the way through the normalizer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from penstock.dialects.framing.sse import EventRelay
from penstock.dialects.openai.relay.normalize_stream import StreamNormalizer
from penstock.dialects.stream_watch import NormalizedEvents

DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


def call(**members: Any) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}, **members}


def chunk(delta: Any = None, finish: Any = None, **members: Any) -> dict[str, Any]:
    """A faultless chunk, and what differs in it."""
    choices = [without_ellipses({"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish})]
    head = {"id": "r", "object": "chat.completion.chunk", "created": 9, "model": "m", "choices": choices}
    return without_ellipses({**head, **members})


def without_ellipses(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not ...}


ROLE = chunk({"role": "assistant", "content": ""})
TEXT = chunk({"content": "Hi"})
STOP = chunk({}, "stop")


def sse(*chunks: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks)


def mend(data: bytes, size: int | None = None, **options: bool) -> bytes:
    """A stream through a normalizer, whole or in pieces."""
    normalizing = NormalizedEvents(EventRelay(1 << 20, 0), StreamNormalizer(**options))
    pieces = [data[at : at + size] for at in range(0, len(data), size)] if size else [data]
    return b"".join([normalizing.feed(piece) for piece in pieces]) + normalizing.finish()


def normalized(*chunks: Any) -> list[dict[str, Any]]:
    """The chunks after mending, ``[DONE]`` taken off."""
    found = mend(sse(*chunks) + DONE)
    assert found.endswith(DONE)
    assert mend(found) == found
    return [json.loads(event[6:]) for event in found.removesuffix(DONE).split(b"\n\n")[:-1]]


THINKING = {
    "type": "thinking",
    "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}],
    "closed": True,
}


CALL = chunk(
    {"role": "assistant", "content": None, "tool_calls": [call(index=0, function={"name": "f", "arguments": ""})]}
)
CALL_ENDED = chunk({}, "tool_calls")


def arguments(text: str, index: Any = 0, **members: Any) -> dict[str, Any]:
    return chunk({"tool_calls": [without_ellipses({"index": index, "function": {"arguments": text}, **members})]})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["stop", "f", "</s>"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("id type text index".split()), inner),
    max_leaves=5,
)


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterable[tuple[Any, ...]]:
    yield here
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from paths(each, (*here, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    found = deepcopy(value)
    at = found
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return found
