"""Answers that end without saying why, from each wire to each other, plain and streamed, on both lanes: none looks
finished. What a host announces as the end is one, for a reason that isn't known; bytes that just stop are a failure.

Source: docs/fidelity.md#answers-without-a-reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

import httpx
import pytest

from doors import HOSTS, OF_HOSTS, door
from pairs import PLACES
from penstock.dialects.bedrock.caller.frames import FrameEncoder
from readings import Told, read
from running import RunningGateway
from upstream import Upstream, reply


class End(StrEnum):
    """How an answer has to look. ``WHOLE``: it ended well; ``UNSAID``: it has no reason; ``CUT``: it failed."""

    WHOLE = "stop"
    UNSAID = "no reason"
    LIMIT = "length"
    CUT = "an error"


class Case(NamedTuple):
    """What a host answers, plain or as a stream, and how that ended."""

    name: str
    end: End
    body: bytes
    content_type: str = "text/event-stream"

    @property
    def is_stream(self) -> bool:
        return self.content_type != "application/json"


UNSAID: Final[Mapping[str, str]] = {
    "openai_chat": "", "anthropic": "", "gemini": "OTHER", "responses": "unknown", "bedrock_converse": "unknown",
    "cohere": "unknown", "ollama": "unknown",
}  # fmt: skip
"""What each wire says of an answer without a reason; nothing where that is allowed."""
_TEXT: Final = {"type": "text", "text": "Hi"}
_COUNTS: Final = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}


def plain(name: str, end: End, value: Any) -> Case:
    return Case(name, end, json.dumps(value).encode(), "application/json")


def streamed(name: str, end: End, *values: Any, done: bool = False) -> Case:
    blocks = [b"data: %s\n\n" % json.dumps(value).encode() for value in values]
    named = [
        b"event: %s\n%s" % (value["type"].encode(), block) if "type" in value else block
        for value, block in zip(values, blocks, strict=True)
    ]
    return Case(name, end, b"".join(named) + (b"data: [DONE]\n\n" if done else b""))


def _chunk(delta: Any, index: int = 0, **end: Any) -> dict[str, Any]:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**head, "choices": [{"index": index, "delta": delta, **end}]}


def _completion(**end: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Hi", "refusal": None}
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    return {**head, "choices": [{"index": 0, "message": message, "logprobs": None, **end}]}


_HI: Final = _chunk({"role": "assistant", "content": "Hi"}, finish_reason=None)
_STOP: Final = _chunk({}, finish_reason="stop")
_CHAT: Final = (
    streamed("a null and its end", End.UNSAID, _HI, done=True),
    streamed("no member and its end", End.UNSAID, _chunk({"role": "assistant", "content": "Hi"}), done=True),
    streamed("an empty one and its end", End.UNSAID, _HI, _chunk({}, finish_reason=""), done=True),
    streamed("one of another choice", End.UNSAID, _HI, _chunk({"content": "Ho"}, 1, finish_reason="stop"), done=True),
    streamed("bytes that stop", End.CUT, _HI),
    streamed("one of another choice, and bytes that stop", End.CUT, _HI, _chunk({}, 1, finish_reason="stop")),
    streamed("a reason and no end", End.WHOLE, _HI, _STOP),
    plain("a null", End.UNSAID, _completion(finish_reason=None)),
    plain("no member", End.UNSAID, _completion()),
    plain("an empty one", End.UNSAID, _completion(finish_reason="")),
)

_MESSAGE: Final = {"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
_USED: Final = {"usage": {"input_tokens": 3, "output_tokens": 2}}
_BEGUN: Final = (
    {"type": "message_start", "message": {**_MESSAGE, **_USED, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_stop", "index": 0},
)


def _delta(reason: str | None) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 2}}


_MESSAGES: Final = (
    streamed("a null and its end", End.UNSAID, *_BEGUN, _delta(None), {"type": "message_stop"}),
    streamed("its end alone", End.UNSAID, *_BEGUN, {"type": "message_stop"}),
    streamed("bytes that stop", End.CUT, *_BEGUN),
    streamed("a null, and bytes that stop", End.CUT, *_BEGUN, _delta(None)),
    streamed("a reason and no end", End.WHOLE, *_BEGUN, _delta("end_turn")),
    plain("a null", End.UNSAID, {**_MESSAGE, **_USED, "content": [_TEXT], "stop_reason": None}),
    plain("no member", End.UNSAID, {**_MESSAGE, **_USED, "content": [_TEXT]}),
)

_CANDIDATE: Final = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "index": 0}]}
_GEMINI: Final = (
    streamed("bytes that stop", End.CUT, _CANDIDATE),
    streamed("an end that the wire hasn't", End.CUT, _CANDIDATE, done=True),
    plain("no member", End.UNSAID, _CANDIDATE),
)


def framed(name: str, end: End, **events: Any) -> Case:
    every = {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hi"}}, **events}
    blocks = [b"event: %s\ndata: %s\n\n" % (kind.encode(), json.dumps(value).encode()) for kind, value in every.items()]
    return Case(name, end, FrameEncoder().finish(b"".join(blocks)), "application/vnd.amazon.eventstream")


_CONVERSE: Final = (
    framed("bytes that stop", End.CUT),
    framed("counts alone", End.CUT, metadata={"usage": _COUNTS}),
    framed("an end without its member", End.CUT, messageStop={}, metadata={"usage": _COUNTS}),
    framed("a reason and no counts", End.WHOLE, messageStop={"stopReason": "end_turn"}),
    framed("counts first", End.WHOLE, metadata={"usage": _COUNTS}, messageStop={"stopReason": "end_turn"}),
    plain("no member", End.UNSAID, {"output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}}}),
)

_SAID: Final = (
    {"type": "message-start", "id": "c", "delta": {"message": {"role": "assistant"}}},
    {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
    {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Hi"}}}},
    {"type": "content-end", "index": 0},
)
_COHERE: Final = (
    streamed("its end alone", End.UNSAID, *_SAID, {"type": "message-end", "delta": {}}),
    streamed("bytes that stop", End.CUT, *_SAID),
    streamed("an end that the wire hasn't", End.CUT, *_SAID, done=True),
    plain("no member", End.UNSAID, {"id": "c", "message": {"role": "assistant", "content": [_TEXT]}}),
)


def lines(name: str, end: End, *more: Any) -> Case:
    head = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": "Hi"}}
    values = [{**head, "done": False}, *({**head, "message": {"role": "assistant", "content": ""}, **e} for e in more)]
    return Case(name, end, b"".join(json.dumps(value).encode() + b"\n" for value in values), "application/x-ndjson")


def _line(**end: Any) -> dict[str, Any]:
    head = {"model": "m", "created_at": "2026-01-01T00:00:00Z"}
    return {**head, "message": {"role": "assistant", "content": "Hi"}, **end}


_OLLAMA: Final = (
    lines("its end alone, as older servers", End.WHOLE, {"done": True}),
    lines("bytes that stop", End.CUT),
    plain("its end alone, as older servers", End.WHOLE, _line(done=True)),
    plain("no end", End.CUT, _line(done=False)),
)

_PART: Final = {"type": "output_text", "text": "Hi", "annotations": []}
_ITEM: Final = {"type": "message", "id": "i", "role": "assistant", "status": "completed", "content": [_PART]}
_RESPONSE: Final = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": [_ITEM]}
_ITEMS: Final = (
    {"type": "response.created", "response": {**_RESPONSE, "status": "in_progress", "output": []}},
    {"type": "response.output_item.added", "output_index": 0, "item": {**_ITEM, "content": []}},
    {"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0, "delta": "Hi"},
    {"type": "response.output_item.done", "output_index": 0, "item": _ITEM},
)
_RESPONSES: Final = (
    streamed("bytes that stop", End.CUT, *_ITEMS),
    streamed("an end that the wire hasn't", End.CUT, *_ITEMS, done=True),
    streamed("an end that says it", End.WHOLE, *_ITEMS, {"type": "response.completed", "response": _RESPONSE}),
    streamed("no details", End.LIMIT, *_ITEMS, {"type": "response.incomplete", "response": _RESPONSE}),
    plain("no member", End.UNSAID, _RESPONSE),
)
CASES: Final = {
    "openai_chat": _CHAT, "responses": _RESPONSES, "anthropic": _MESSAGES, "gemini": _GEMINI,
    "bedrock_converse": _CONVERSE, "cohere": _COHERE, "ollama": _OLLAMA,
}  # fmt: skip


def answer(
    gateway: RunningGateway, upstream: Upstream, caller: str, host: str, case: Case, *, stream: bool
) -> httpx.Response:
    """What a caller of one wire gets of a host of another."""
    provider, model, end = HOSTS[host]
    path, body = door(caller, model, stream=stream)
    body.pop("generationConfig", None)
    target = {"x-portkey-provider": provider, "x-portkey-custom-host": upstream.url + end, **OF_HOSTS.get(host, {})}
    upstream.play(reply(body=case.body, content_type=case.content_type))
    return httpx.post(gateway.url + path, json=body, headers={**target, "authorization": "Bearer k"}, timeout=300)


def told(caller: str, got: httpx.Response, *, stream: bool) -> Told:
    """The answer as a client reads it; with an error where the status tells one."""
    if got.status_code >= 400:
        assert got.json()
        return Told(blocks=[], usage={}, urls=set(), error=got.json())
    return read(caller, PLACES[caller].kind if stream else "json", got.content)


@pytest.mark.parametrize("caller", HOSTS)
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("is_other_form", [False, True], ids=["as asked", "the other form"])
@pytest.mark.parametrize("gateway", ["http1"], indirect=True)
def test_no_answer_without_a_reason_looks_finished(
    is_other_form: bool, host: str, caller: str, gateway: RunningGateway, upstream: Upstream
) -> None:
    for case in CASES[host]:
        stream = case.is_stream is not is_other_form
        got = answer(gateway, upstream, caller, host, case, stream=stream)
        found = told(caller, got, stream=stream)
        if case.end is End.CUT:
            assert found.error, case.name
            # Cohere's stream ends with a word for a failure, which is that of a filtered answer, too.
            assert found.finish in ("", "content_filter" if caller == "cohere" else ""), case.name
            continue
        # A host's own bytes pass to callers of its wire: there nothing is said of what the host doesn't say.
        unsaid = "" if host == caller else UNSAID[caller]
        words = {unsaid} if case.end is End.UNSAID else {case.end.value}
        words |= {""} if host == caller and case.end is not End.UNSAID else set()
        # Its answer in the other form needs the word that the wire demands.
        words |= {UNSAID[caller]} if is_other_form and case.end is End.UNSAID else set()
        assert found.error is None, case.name
        assert found.text == "Hi", (case.name, got.content)
        assert found.finish in words, case.name
