"""The bytes of an answer in OpenAI's chat dialect: a completion, the events of a stream, an error object.

Source: OpenAI API reference, "The chat completion object" and "The chat completion chunk object".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from penstock.core.json_text import write_json
from penstock.transport.echo.script import MOST_TOKENS, Call, Script, tokens

DONE: Final = b"data: [DONE]\n\n"
_FINGERPRINT: Final = "fp_echo"


class Identity(msgspec.Struct, frozen=True):
    """What makes an answer this one: an id without prefix, and the time in whole seconds since 1970."""

    id: str
    created: int


def completion(script: Script, who: Identity) -> bytes:
    """A plain ``chat.completion``."""
    message: dict[str, Any] = {"role": "assistant", "content": "".join(script.words), "refusal": None}
    if script.calls:
        message |= {"content": None, "tool_calls": [_call(call, n, who) for n, call in enumerate(script.calls)]}
    choice = {"message": message, "logprobs": _logprobs(script, script.words), "finish_reason": script.finish}
    choices = [{"index": index, **choice} for index in range(script.choices)]
    return write_json({**_frame("chat.completion", script, who), "choices": choices, "usage": _usage(script)})


def stream(script: Script, who: Identity) -> Iterator[bytes]:
    """The events of a stream, ``[DONE]`` included."""
    for index in range(script.choices):
        yield from telling(script, who, index)
        yield _chunk(script, who, index, {}, finish=script.finish)
    if script.include_usage:
        frame = _frame("chat.completion.chunk", script, who)
        yield event({**frame, "choices": [], "usage": _usage(script)})
    yield DONE


def telling(script: Script, who: Identity, index: int) -> Iterator[bytes]:
    """The events of one choice, short of the one that finishes it."""
    opening = {"role": "assistant", "content": None if script.calls else "", "refusal": None}
    yield _chunk(script, who, index, opening)
    for word in script.words:
        yield _chunk(script, who, index, {"content": word}, logprobs=_logprobs(script, (word,)))
    for number, call in enumerate(script.calls):
        yield from _call_chunks(script, who, index, number, call)


def event(value: Any) -> bytes:
    return b"data: " + write_json(value) + b"\n\n"


def error(message: str, kind: str, code: str, param: str | None = None) -> dict[str, Any]:
    """OpenAI's error object."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def models(names: tuple[str, ...], created: int) -> bytes:
    """OpenAI's list of models."""
    return write_json({"object": "list", "data": [_model(name, created) for name in names]})


def model(name: str, created: int) -> bytes:
    """OpenAI's description of one model."""
    return write_json(_model(name, created))


def _model(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "penstock"}


def _frame(kind: str, script: Script, who: Identity) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{who.id}",
        "object": kind,
        "created": who.created,
        "model": script.model,
        "system_fingerprint": _FINGERPRINT,
    }


def _chunk(
    script: Script, who: Identity, index: int, delta: dict[str, Any], *, finish: str | None = None, logprobs: Any = None
) -> bytes:
    choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
    chunk = {**_frame("chat.completion.chunk", script, who), "choices": [choice]}
    return event({**chunk, "usage": None} if script.include_usage else chunk)


def _call(call: Call, number: int, who: Identity) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": f"call_{who.id}_{number}", "type": "function", "function": function}


def _call_chunks(script: Script, who: Identity, index: int, number: int, call: Call) -> Iterator[bytes]:
    """The id and name first, with empty arguments, then the arguments in fragments, as OpenAI sends them."""
    opening = _call(Call(call.name, ""), number, who)
    yield _chunk(script, who, index, {"tool_calls": [{"index": number, **opening}]})
    for start in range(0, len(call.arguments), 8):
        fragment = {"index": number, "function": {"arguments": call.arguments[start : start + 8]}}
        yield _chunk(script, who, index, {"tool_calls": [fragment]})


def _usage(script: Script) -> dict[str, Any]:
    return {
        "prompt_tokens": script.prompt_tokens,
        "completion_tokens": script.completion_tokens,
        "total_tokens": script.prompt_tokens + script.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _logprobs(script: Script, words: tuple[str, ...]) -> dict[str, Any] | None:
    """Certainty, token by token: what is repeated was never in doubt."""
    if not script.logprobs or script.calls:
        return None
    content = [
        {"token": token, "logprob": 0.0, "bytes": list(token.encode("utf-8", "surrogatepass")), "top_logprobs": []}
        for word in words
        for token in tokens(word, MOST_TOKENS)
    ]
    return {"content": content, "refusal": None}
