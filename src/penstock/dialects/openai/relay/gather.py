"""A stream of chat completion chunks put together as a plain reply: a stored stream, or that of a host that streams
though no stream was asked for.

Nothing is lost or made up: unknown members are kept, and a stream that can't be told faithfully as a plain reply is not
told at all (None). The way back is replay.py. Source: OpenAI API reference, "The chat completion chunk object".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from penstock.dialects.framing import sse
from penstock.dialects.function_names import LONGEST_IN_PIECES, with_piece
from penstock.dialects.openai.relay.exact_json import Text, as_array, as_index, as_object, read_exact, write_exact

CALL_TEXTS: Final = {"function": "arguments", "custom": "input", "function_call": "arguments"}
"""Where a call is described, and the text in there that comes in pieces."""


def to_plain(stream: bytes) -> bytes | None:
    """The completion that a whole stream amounts to; None for a stream without usage, without end or with an error."""
    return _gathered(stream, needs_usage=True)


def gather(stream: bytes) -> bytes | None:
    """``to_plain``, also for a stream without usage, and for one whose host says that it has ended and not why."""
    return _gathered(stream, needs_usage=False)


def _gathered(stream: bytes, *, needs_usage: bool) -> bytes | None:
    top: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    try:
        for chunk in _chunks(stream):
            for choice in as_array(chunk.pop("choices", None)):
                _add_choice(choices, as_object(choice))
            _update(top, chunk, first=_OF_THE_FIRST_CHUNK)
        is_done = stream.rstrip().endswith(sse.DONE)
        completion = _completion(top, choices, needs_usage=needs_usage, needs_reasons=needs_usage or not is_done)
        return write_exact(completion)
    except (ValueError, RecursionError):
        return None


_OF_THE_FIRST_CHUNK: Final = frozenset({"id", "created"})


def _chunks(stream: bytes) -> Iterator[dict[str, Any]]:
    """The chunks as far as a client reads them."""
    for name, data in sse.events(stream):
        if data == sse.DONE:
            return
        if name == b"error":
            raise ValueError("an error event")
        if data:
            yield as_object(read_exact(data))


def _add_choice(choices: dict[int, dict[str, Any]], fragment: dict[str, Any]) -> None:
    """Continue a choice with one chunk's part of it."""
    choice = choices.setdefault(as_index(fragment.pop("index", None), 0), {"message": {}})
    for repeated in _BESIDE_THE_DELTA:
        fragment.pop(repeated, None)
    delta = fragment.pop("delta", None)
    _add_delta(choice["message"], {} if delta is None else as_object(delta))
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
    for position, fragment in enumerate(as_array(fragments)):
        fragment = as_object(fragment)
        call = message["tool_calls"].setdefault(as_index(fragment.pop("index", None), position), {})
        _refuse_another(call, fragment, "id")
        for key, value in fragment.items():
            if key in CALL_TEXTS and isinstance(value, dict):
                _add_object(call, key, value)
            else:
                _update(call, {key: value})


def _add_object(parent: dict[str, Any], key: str, fragment: dict[str, Any]) -> None:
    """Continue the description of a call, or a spoken answer."""
    known = _inner(parent, key)
    piece = fragment.pop("name", None)
    if piece and known.get("name"):
        _add_to_name(known, piece)
    elif piece is not None:
        _update(known, {"name": piece})
    for name, value in fragment.items():
        if name in _IN_PIECES:
            _grow(known, name, value)
        else:
            _update(known, {name: value})


_IN_PIECES: Final = frozenset({*CALL_TEXTS.values(), "data", "transcript"})


def _add_to_name(known: dict[str, Any], piece: Any) -> None:
    """Continue a call's name, which comes before its arguments."""
    name = known["name"]
    if piece == name:
        return
    are_texts = isinstance(name, str) and isinstance(piece, str)
    if not are_texts or any(known.get(text) for text in CALL_TEXTS.values()):
        raise ValueError("two calls under one index")
    known["name"] = with_piece(name, piece)
    if len(known["name"]) > LONGEST_IN_PIECES:
        raise ValueError("no name of a call")


def _refuse_another(known: dict[str, Any], fragment: dict[str, Any], key: str) -> None:
    """Some vendors give several calls the same index; their arguments would run into each other."""
    if known.get(key) and fragment.get(key) and known[key] != fragment[key]:
        raise ValueError("two calls under one index")


def _add_logprobs(choice: dict[str, Any], logprobs: Any) -> None:
    if logprobs is None:
        choice.setdefault("logprobs", None)
        return
    known = _inner(choice, "logprobs")
    for key, value in as_object(logprobs).items():
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
        value = Text(value)
    before = known.get(key)
    if before is None or value is None:
        known[key] = before if value is None else value
    elif not isinstance(before, Text | list) and not isinstance(value, Text | list):
        known[key] = value
    elif type(before) is type(value):
        before.extend(value)
    else:
        raise ValueError("a text or an array is continued by something else")


def _inner(parent: dict[str, Any], key: str) -> dict[str, Any]:
    if parent.get(key) is None:
        parent[key] = {}
    return as_object(parent[key])


def _completion(
    top: dict[str, Any], choices: dict[int, dict[str, Any]], *, needs_usage: bool, needs_reasons: bool
) -> dict[str, Any]:
    usage = top.pop("usage", None)
    top.pop("obfuscation", None)
    has_usage = isinstance(usage, dict)
    if top.get("error") is not None or not choices or (needs_usage and not has_usage):
        raise ValueError("no complete answer, or without its usage")
    finished = [_finished(index, choice, needs_reason=needs_reasons) for index, choice in sorted(choices.items())]
    completion = {**top, "object": "chat.completion", "choices": finished}
    return {**completion, "usage": usage} if has_usage else completion


def _finished(index: int, choice: dict[str, Any], *, needs_reason: bool) -> dict[str, Any]:
    """A choice as a plain reply has it, once all of it was told."""
    message = choice.pop("message")
    if not message or (needs_reason and not choice.get("finish_reason")):
        raise ValueError("a choice that never began, or never finished")
    calls = message.get("tool_calls")
    if calls is not None:
        message["tool_calls"] = [call for _, call in sorted(calls.items())]
    if (calls or message.get("function_call")) and not message.get("content"):
        message["content"] = None
    message = {"role": None, "content": None, **message}
    message["role"] = message["role"] or "assistant"
    return {"index": index, "message": message, "finish_reason": None, **choice}
