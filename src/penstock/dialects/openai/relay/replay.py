"""A plain chat completion as the stream that a caller would have got: a stored reply, or that of a host that doesn't
stream though a stream was asked for. And a stored stream with the usage chunk for a caller that asked for it, without
the chunk for any other.

Nothing is lost or made up: unknown members are kept, and a reply that can't be told faithfully as a stream is not told
at all (None). The way back is gather.py. Source: OpenAI API reference, "The chat completion object".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from penstock.core.json_text import read_json
from penstock.dialects.framing import sse
from penstock.dialects.openai.relay.exact_json import as_array, as_index, as_object, read_exact, write_exact
from penstock.dialects.openai.relay.gather import CALL_TEXTS
from penstock.dialects.openai.relay.normalize_stream import StreamNormalizer
from penstock.dialects.stream_watch import normalized

_PIECE: Final = 500
"""Characters of text in one chunk."""
_TEXTS: Final = ("reasoning_content", "reasoning", "content", "refusal")
_USAGE: Final = b'"usage"'


def to_stream(reply: bytes, include_usage: bool) -> bytes | None:
    """The stream that a caller would have got, ``include_usage`` as in ``stream_options``.

    None for what is no chat completion, and for one without the usage that is asked for.
    """
    try:
        body = as_object(read_exact(reply))
        choices, usage = _choices(body.pop("choices", None)), body.pop("usage", None)
        if body.get("error") is not None or (include_usage and not isinstance(usage, dict)):
            return None
        frame = _frame({**body, "object": "chat.completion.chunk"})
        if include_usage:
            frame["usage"] = None
        parts = [part for index, choice in choices.items() for part in _parts(index, choice)]
        events = [_event({**body, **frame, "choices": [part]}) for part in parts[:1]]
        events += [_event({**frame, "choices": [part]}) for part in parts[1:]]
        if include_usage:
            events.append(_event({**frame, "choices": [], "usage": usage}))
        return b"".join([*events, b"data: ", sse.DONE, b"\n\n"])
    except (ValueError, RecursionError):
        return None


def _frame(members: dict[str, Any]) -> dict[str, Any]:
    """The members that every chunk repeats: all of them, or OpenAI's own where the others are long and told with the
    first chunk only. Raises ValueError where these are too long as well."""
    if len(write_exact(members)) > _LONGEST_FRAME:
        members = {name: value for name, value in members.items() if name in _IN_EVERY_CHUNK}
        if len(write_exact(members)) > _LONGEST_FRAME:
            raise ValueError("too much to be told in every chunk")
    return members


_IN_EVERY_CHUNK: Final = frozenset({"id", "object", "created", "model", "system_fingerprint", "service_tier"})
_LONGEST_FRAME: Final = 4096
"""Bytes of the members that every chunk repeats."""


def _choices(value: Any) -> dict[int, dict[str, Any]]:
    choices = [as_object(choice) for choice in as_array(value)]
    by_index = {as_index(choice.get("index"), position): choice for position, choice in enumerate(choices)}
    if not choices or len(by_index) < len(choices):
        raise ValueError("no choices, or two of one index")
    return by_index


def _parts(index: int, choice: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A choice as the choices of its chunks: the role, what it says, and how it finished."""
    message = as_object(choice.get("message"))
    silent = {"index": index, "delta": {}, "finish_reason": None}
    spoken = dict(silent)
    if "logprobs" in choice:
        silent["logprobs"], spoken["logprobs"] = None, choice["logprobs"]
    yield {**silent, "delta": _beginning(message)}
    for delta in _deltas(message):
        yield {**spoken, "delta": delta}
        spoken = silent
    yield {**spoken, **{key: value for key, value in choice.items() if key not in _TOLD_BEFORE}}


_TOLD_BEFORE: Final = frozenset({"index", "message", "delta", "logprobs"})


def _beginning(message: dict[str, Any]) -> dict[str, Any]:
    beginning: dict[str, Any] = {"role": message.get("role") or "assistant"}
    for key in _TEXTS:
        if key in message and isinstance(message[key], str | None):
            beginning[key] = None if message[key] is None else ""
    return beginning


def _deltas(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    rest = {key: value for key, value in message.items() if key != "role"}
    for key in _TEXTS:
        text = rest.pop(key, None)
        if isinstance(text, str):
            yield from ({key: piece} for piece in _pieces(text))
        elif text is not None:
            yield {key: text}
    for index, call in enumerate(as_array(rest.get("tool_calls"))):
        for part in _call_parts(as_object(call)):
            yield {"tool_calls": [{**part, "index": index}]}
        rest.pop("tool_calls", None)
    if isinstance(rest.get("function_call"), dict):
        yield from _call_parts({"function_call": rest.pop("function_call")})
    if rest:
        yield rest


def _call_parts(call: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A call as OpenAI streams it: who is called, then with what."""
    for key, text in CALL_TEXTS.items():
        called = call.get(key)
        if isinstance(called, dict) and isinstance(called.get(text), str):
            yield {**call, key: {**called, text: ""}}
            yield from ({key: {text: piece}} for piece in _pieces(called[text]))
            return
    yield call


def _pieces(text: str) -> Iterator[str]:
    return (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + write_exact(chunk) + b"\n\n"


# The usage of a stored stream.


def with_usage(stream: bytes, include_usage: bool) -> bytes | None:
    """A stored stream for a caller that asked for the usage chunk, or didn't; None when it is asked for but missing."""
    last = _last_with_usage(stream)
    if include_usage:
        return _with_own_usage(stream, last) if last is not None else None
    if last is None or last.get("choices"):
        return stream
    return b"".join([block for block in sse.blocks(stream) if not _is_usage_only(block)])


def _with_own_usage(stream: bytes, last: Mapping[str, Any]) -> bytes:
    """The stream with its usage in a chunk of its own, as who asks for it expects it (docs/quirks.md#q81)."""
    if not last.get("choices"):
        return stream
    normalizer = StreamNormalizer(moves_usage=True)
    return normalized(normalizer, stream) + normalizer.finish()


def _last_with_usage(stream: bytes) -> dict[str, Any] | None:
    """The last chunk that tells the usage. It is looked for from the end, so that a hit costs little.

    A chunk is one line of data: no vendor sends JSON with line breaks.
    """
    end = len(stream)
    while (at := stream.rfind(_USAGE, 0, end)) != -1:
        start = stream.rfind(b"\n", 0, at) + 1
        start = max(start, stream.rfind(b"\r", start, at) + 1)
        line, end = stream[start:end].splitlines()[0], start
        chunk = _chunk_with_usage(line.removeprefix(b"data:"))
        if chunk is not None:
            return chunk
    return None


def _is_usage_only(block: bytes) -> bool:
    if _USAGE not in block or b'"delta":' in block:
        return False
    chunks = [_chunk_with_usage(data) for _, data in sse.events(block)]
    return any(chunk is not None and not chunk.get("choices") for chunk in chunks)


def _chunk_with_usage(data: bytes) -> dict[str, Any] | None:
    try:
        chunk = read_json(data)
    except ValueError:
        return None
    return chunk if isinstance(chunk, dict) and isinstance(chunk.get("usage"), dict) else None
