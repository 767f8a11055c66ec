"""A stored chat completion in the other form: a stream as a plain reply, a plain reply as a stream.

Nothing is lost or made up: unknown members are kept, and what can't be told faithfully in the other form is not told at
all (None). Source: OpenAI API reference, "The chat completion object" and "The chat completion chunk object".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from penstock.core.unreadable import read_json
from penstock.dialects.framing import sse
from penstock.dialects.openai_stream import DONE, ending

_PIECE: Final = 500
"""Characters of text in one chunk."""
_NEAR_THE_END: Final = 8 << 10
_FIRST_WINS: Final = frozenset({"id", "created", "role", "type", "name", "index"})
"""Members that every fragment may repeat, where other text is continued by the next fragment."""
_TEXTS: Final = ("reasoning_content", "reasoning", "content", "refusal")
_DONE_EVENT: Final = b"data: " + DONE + b"\n\n"


def to_plain(stream: bytes) -> bytes | None:
    """The completion that a whole stream amounts to; None for a stream without usage, without end or with an error."""
    top: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    usage = None
    try:
        for name, data in sse.events(stream):
            if data == DONE:
                continue
            chunk = read_json(data)
            if not isinstance(chunk, dict) or name == b"error" or chunk.get("error"):
                return None
            usage = chunk.get("usage") or usage
            for key, value in chunk.items():
                if key not in _OF_STREAMS and (top.get(key) is None or (value and key not in _FIRST_WINS)):
                    top[key] = value
            for choice in chunk.get("choices") or ():
                _add(choices.setdefault(choice.get("index", 0), {}), choice)
        if usage is None or not choices or not all(choice.get("finish_reason") for choice in choices.values()):
            return None
        told = [_finished(index, choice) for index, choice in sorted(choices.items())]
        return _encode({**top, "object": "chat.completion", "choices": told, "usage": usage})
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None  # not the stream of a chat completion


_OF_STREAMS: Final = frozenset({"choices", "usage", "obfuscation"})


def _add(choice: dict[str, Any], fragment: dict[str, Any]) -> None:
    """Continue a choice with one chunk's part of it."""
    for key, value in fragment.items():
        if key == "delta":
            _continue(choice.setdefault("message", {}), value or {})
        elif key == "message":
            continue  # some vendors repeat the message so far beside its delta
        elif key == "logprobs":
            _merge(choice.setdefault("logprobs", {}), value or {})
        elif value is not None or key not in choice:
            choice[key] = value


def _continue(message: dict[str, Any], delta: dict[str, Any]) -> None:
    calls = delta.get("tool_calls")
    _merge(message, {key: value for key, value in delta.items() if key != "tool_calls"})
    for position, fragment in enumerate(calls or ()):
        known = message.setdefault("tool_calls", {})
        index = fragment.get("index")
        call = known.setdefault(position if index is None else index, {})
        _merge(call, {key: value for key, value in fragment.items() if key != "index"})


def _merge(target: dict[str, Any], more: dict[str, Any]) -> None:
    """Continue an object with a fragment of it: texts and arrays grow, for the rest the last word counts."""
    for key, value in more.items():
        before = target.get(key)
        if before is None:
            target[key] = value.copy() if isinstance(value, dict | list) else value
        elif value is None or key in _FIRST_WINS:
            continue
        elif type(before) is type(value) and isinstance(value, str | list):
            target[key] = before + value
        elif isinstance(before, dict) and isinstance(value, dict):
            _merge(before, value)
        else:
            target[key] = value


def _finished(index: int, choice: dict[str, Any]) -> dict[str, Any]:
    message = choice.pop("message", {})
    if "tool_calls" in message:
        message["tool_calls"] = [call for _, call in sorted(message["tool_calls"].items())]
    message = {"role": "assistant", "content": None, **message}
    told = {"index": index, "message": message, **choice}
    if "logprobs" in told:
        told["logprobs"] = told["logprobs"] or None
    return told


def to_stream(reply: bytes, *, include_usage: bool) -> bytes | None:
    """The stream that a caller would have got; ``include_usage`` as in ``stream_options``. None for anything else."""
    try:
        body = read_json(reply)
        choices = body["choices"]
        frame = {key: value for key, value in body.items() if key not in {"choices", "usage"}}
        frame["object"] = "chat.completion.chunk"
        if include_usage:
            frame["usage"] = None
        events = [_event({**frame, "choices": [part]}) for choice in choices for part in _parts(choice)]
        if include_usage:
            events.append(_event({**frame, "choices": [], "usage": body["usage"]}))
        return b"".join([*events, _DONE_EVENT])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None  # not a chat completion, or one without the usage that is asked for


def _parts(choice: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A choice as the choices of its chunks: the role, what it says, and how it finished."""
    index, message = choice["index"], choice["message"]
    logprobs = choice.get("logprobs")
    begun = {"role": message.get("role", "assistant")}
    begun |= {key: "" if message[key] else message[key] for key in ("content", "refusal") if key in message}
    yield {"index": index, "delta": begun, "logprobs": None, "finish_reason": None}
    for delta in _deltas(message):
        yield {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}
        logprobs = None
    last = {key: value for key, value in choice.items() if key not in {"index", "message", "logprobs"}}
    yield {"index": index, "delta": {}, "logprobs": logprobs, **last}


def _deltas(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key in _TEXTS:
        text = message.get(key)
        if isinstance(text, str):
            yield from ({key: text[at : at + _PIECE]} for at in range(0, len(text), _PIECE))
        elif text is not None:
            yield {key: text}
    for index, call in enumerate(message.get("tool_calls") or ()):
        yield from ({"tool_calls": [{"index": index, **part}]} for part in _call_parts(call))
    known = {"role", "tool_calls", *_TEXTS}
    rest = {key: value for key, value in message.items() if key not in known}
    if "tool_calls" in message and not message["tool_calls"]:
        rest["tool_calls"] = message["tool_calls"]
    if rest:
        yield rest


def _call_parts(call: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A tool call as OpenAI streams it: who is called, then with what."""
    function = call.get("function")
    arguments = function.get("arguments") if isinstance(function, dict) else None
    if not isinstance(arguments, str):
        yield call
        return
    yield {**call, "function": {**(function or {}), "arguments": ""}}
    for at in range(0, len(arguments), _PIECE):
        yield {"function": {"arguments": arguments[at : at + _PIECE]}}


def with_usage(stream: bytes, *, include_usage: bool) -> bytes | None:
    """A stored stream for a caller that asked for the usage chunk, or didn't; None when it is asked for but missing."""
    if include_usage:
        return stream if ending(stream[-_NEAR_THE_END:])[1] is not None else None
    start = max(0, len(stream) - _NEAR_THE_END)
    if b'"usage"' not in stream[start:]:
        return stream
    blocks = [block for block in sse.blocks(stream) if not _is_usage_only(block)]
    return b"".join(blocks)


def _is_usage_only(block: bytes) -> bool:
    if b'"usage"' not in block or b'"finish_reason"' in block:
        return False
    for _, data in sse.events(block):
        try:
            chunk = read_json(data)
        except ValueError:
            return False
        return isinstance(chunk, dict) and chunk.get("choices") == [] and bool(chunk.get("usage"))
    return False


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + _encode(chunk) + b"\n\n"


def _encode(value: Any) -> bytes:
    """JSON, also where only the standard library can write it: halves of surrogate pairs and numbers beyond 64 bits."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):
        whole = json.dumps(value)
        return whole.encode()
