"""A chat completion in the other form: a stream as a plain reply, a plain reply as a stream. It is a stored one, or one
of a host that answers in the form that wasn't asked for.

Nothing is lost or made up: unknown members are kept, and what can't be told faithfully in the other form is not told at
all (None). The counterpart is pipeline/cache.py, which then asks the provider as if nothing had been stored. Source:
OpenAI API reference, "The chat completion object" and "The chat completion chunk object".
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn

import msgspec

from penstock.core.json_text import UNREADABLE, read_json
from penstock.dialects.framing import sse
from penstock.dialects.openai.relay.normalize_stream import StreamNormalizer
from penstock.dialects.openai.relay.stream import DONE
from penstock.dialects.stream_watch import normalized

_PIECE: Final = 500
"""Characters of text in one chunk."""
_TEXTS: Final = ("reasoning_content", "reasoning", "content", "refusal")
_SPOKEN: Final = {"function": "arguments", "custom": "input", "function_call": "arguments"}
"""Where a call is described, and the text in there that comes in pieces."""
_USAGE: Final = b'"usage"'


class _Text:
    """A text that came in pieces. It is joined when it is written: two pieces may hold one half of an emoji each."""

    __slots__ = ("pieces",)

    def __init__(self, piece: str) -> None:
        self.pieces = [piece]

    def __bool__(self) -> bool:
        return any(self.pieces)

    def extend(self, more: _Text) -> None:
        self.pieces += more.pieces


def to_plain(stream: bytes) -> bytes | None:
    """The completion that a whole stream amounts to; None for a stream without usage, without end or with an error."""
    return _gathered(stream, needs_usage=True)


def gather(stream: bytes) -> bytes | None:
    """``to_plain``, also for a stream without usage."""
    return _gathered(stream, needs_usage=False)


def _gathered(stream: bytes, *, needs_usage: bool) -> bytes | None:
    top: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    try:
        for chunk in _chunks(stream):
            for choice in _array(chunk.pop("choices", None)):
                _add_choice(choices, _object(choice))
            _update(top, chunk, first=_OF_THE_FIRST_CHUNK)
        return _encode(_completion(top, choices, needs_usage=needs_usage))
    except (ValueError, RecursionError):
        return None


_OF_THE_FIRST_CHUNK: Final = frozenset({"id", "created"})


def _chunks(stream: bytes) -> Iterator[dict[str, Any]]:
    """The chunks as far as a client reads them."""
    for name, data in sse.events(stream):
        if data == DONE:
            return
        if name == b"error":
            raise ValueError("an error event")
        if data:
            yield _object(_read(data))


def _add_choice(choices: dict[int, dict[str, Any]], fragment: dict[str, Any]) -> None:
    """Continue a choice with one chunk's part of it."""
    choice = choices.setdefault(_index(fragment.pop("index", None), 0), {"message": {}})
    for repeated in _BESIDE_THE_DELTA:
        fragment.pop(repeated, None)
    delta = fragment.pop("delta", None)
    _add_delta(choice["message"], {} if delta is None else _object(delta))
    if "logprobs" in fragment:
        _add_logprobs(choice, fragment.pop("logprobs"))
    _update(choice, fragment)


_BESIDE_THE_DELTA: Final = ("message", "text")
"""Perplexity repeats the message so far beside its delta, Together the delta's text."""


def _add_delta(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for key, value in delta.items():
        if key == "tool_calls":
            _add_calls(message, value)
        elif key in _OBJECTS and isinstance(value, dict):
            _add_object(message, key, value)
        elif key in _LABELS:
            _update(message, {key: value})
        else:
            _grow(message, key, value)


_OBJECTS: Final = frozenset({"function_call", "audio"})
_LABELS: Final = frozenset({"role", "channel"})
"""Texts that are repeated, not continued. Groq names the channel of each fragment of its open models."""


def _add_calls(message: dict[str, Any], fragments: Any) -> None:
    """Continue the tool calls, which are kept by their index until all is told."""
    if message.get("tool_calls") is None:
        message["tool_calls"] = None if fragments is None else {}
    for position, fragment in enumerate(_array(fragments)):
        fragment = _object(fragment)
        call = message["tool_calls"].setdefault(_index(fragment.pop("index", None), position), {})
        _refuse_another(call, fragment, "id")
        for key, value in fragment.items():
            if key in _SPOKEN and isinstance(value, dict):
                _add_object(call, key, value)
            else:
                _update(call, {key: value})


def _add_object(parent: dict[str, Any], key: str, fragment: dict[str, Any]) -> None:
    """Continue the description of a call, or a spoken answer."""
    known = _inner(parent, key)
    _refuse_another(known, fragment, "name")
    for name, value in fragment.items():
        if name in _IN_PIECES:
            _grow(known, name, value)
        else:
            _update(known, {name: value})


_IN_PIECES: Final = frozenset({*_SPOKEN.values(), "data", "transcript"})


def _refuse_another(known: dict[str, Any], fragment: dict[str, Any], key: str) -> None:
    """Some vendors give several calls the same index; their arguments would run into each other."""
    if known.get(key) and fragment.get(key) and known[key] != fragment[key]:
        raise ValueError("two calls under one index")


def _add_logprobs(choice: dict[str, Any], logprobs: Any) -> None:
    if logprobs is None:
        choice.setdefault("logprobs", None)
        return
    known = _inner(choice, "logprobs")
    for key, value in _object(logprobs).items():
        _grow(known, key, value)


def _update(known: dict[str, Any], more: dict[str, Any], first: frozenset[str] = frozenset()) -> None:
    """Take members over: of several values the last that says something counts, for some members the first."""
    for key, value in more.items():
        silent = value is None or value == ""
        if key not in known or not (silent or (key in first and known[key])):
            known[key] = value


def _grow(known: dict[str, Any], key: str, value: Any) -> None:
    """Continue a member: texts and arrays grow, of anything else the last value counts."""
    if isinstance(value, str):
        value = _Text(value)
    before = known.get(key)
    if before is None or value is None:
        known[key] = before if value is None else value
    elif not isinstance(before, _Text | list) and not isinstance(value, _Text | list):
        known[key] = value
    elif type(before) is type(value):
        before.extend(value)
    else:
        raise ValueError("a text or an array is continued by something else")


def _inner(parent: dict[str, Any], key: str) -> dict[str, Any]:
    if parent.get(key) is None:
        parent[key] = {}
    return _object(parent[key])


def _completion(top: dict[str, Any], choices: dict[int, dict[str, Any]], *, needs_usage: bool) -> dict[str, Any]:
    usage = top.pop("usage", None)
    top.pop("obfuscation", None)
    has_usage = isinstance(usage, dict)
    if top.get("error") is not None or not choices or (needs_usage and not has_usage):
        raise ValueError("no complete answer, or without its usage")
    told = [_finished(index, choice) for index, choice in sorted(choices.items())]
    completion = {**top, "object": "chat.completion", "choices": told}
    return {**completion, "usage": usage} if has_usage else completion


def _finished(index: int, choice: dict[str, Any]) -> dict[str, Any]:
    """A choice as a plain reply has it, once all of it was told."""
    message = choice.pop("message")
    if not message or not choice.get("finish_reason"):
        raise ValueError("a choice that never began, or never finished")
    calls = message.get("tool_calls")
    if calls is not None:
        message["tool_calls"] = [call for _, call in sorted(calls.items())]
    if (calls or message.get("function_call")) and not message.get("content"):
        message["content"] = None
    message = {"role": None, "content": None, **message}
    message["role"] = message["role"] or "assistant"
    return {"index": index, "message": message, **choice}


def to_stream(reply: bytes, include_usage: bool) -> bytes | None:
    """The stream that a caller would have got, ``include_usage`` as in ``stream_options``.

    None for what is no chat completion, and for one without the usage that is asked for.
    """
    try:
        body = _object(_read(reply))
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
        return b"".join([*events, b"data: ", DONE, b"\n\n"])
    except (ValueError, RecursionError):
        return None


def _frame(members: dict[str, Any]) -> dict[str, Any]:
    """The members that every chunk repeats: all of them, or OpenAI's own where the others are long and told with the
    first chunk only. Raises ValueError where these are too long as well."""
    if len(_encode(members)) > _LONGEST_FRAME:
        members = {name: value for name, value in members.items() if name in _IN_EVERY_CHUNK}
        if len(_encode(members)) > _LONGEST_FRAME:
            raise ValueError("too much to be told in every chunk")
    return members


_IN_EVERY_CHUNK: Final = frozenset({"id", "object", "created", "model", "system_fingerprint", "service_tier"})
_LONGEST_FRAME: Final = 4096
"""Bytes of the members that every chunk repeats."""


def _choices(value: Any) -> dict[int, dict[str, Any]]:
    choices = [_object(choice) for choice in _array(value)]
    by_index = {_index(choice.get("index"), position): choice for position, choice in enumerate(choices)}
    if not choices or len(by_index) < len(choices):
        raise ValueError("no choices, or two of one index")
    return by_index


def _parts(index: int, choice: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A choice as the choices of its chunks: the role, what it says, and how it finished."""
    message = _object(choice.get("message"))
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
    for index, call in enumerate(_array(rest.get("tool_calls"))):
        for part in _call_parts(_object(call)):
            yield {"tool_calls": [{**part, "index": index}]}
        rest.pop("tool_calls", None)
    if isinstance(rest.get("function_call"), dict):
        yield from _call_parts({"function_call": rest.pop("function_call")})
    if rest:
        yield rest


def _call_parts(call: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A call as OpenAI streams it: who is called, then with what."""
    for key, text in _SPOKEN.items():
        called = call.get(key)
        if isinstance(called, dict) and isinstance(called.get(text), str):
            yield {**call, key: {**called, text: ""}}
            yield from ({key: {text: piece}} for piece in _pieces(called[text]))
            return
    yield call


def _pieces(text: str) -> Iterator[str]:
    return (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))


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


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 (bad input, not a bug)
    return value


def _array(value: Any) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise ValueError("not an array")
    return value or []


def _index(value: Any, otherwise: int) -> int:
    if value is None:
        return otherwise
    if type(value) is not int:
        raise ValueError("not an index")
    return value


def _read(data: bytes) -> Any:
    """Like ``read_json``, but ValueError for numbers that could not be written again: NaN, infinities, 1e400."""
    try:
        return msgspec.json.decode(data)
    except UNREADABLE:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse_constant, parse_float=_finite)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(digits)
    return number


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + _encode(chunk) + b"\n\n"


def _joined(text: Any) -> str:
    return "".join(text.pieces)


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_joined)


def _encode(value: Any) -> bytes:
    """JSON, also where only the standard library can write it: halves of surrogate pairs and numbers beyond 64 bits."""
    try:
        return _ENCODER.encode(value)
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(value, default=_joined).encode()
