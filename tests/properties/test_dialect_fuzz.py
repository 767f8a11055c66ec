"""Any bytes, any JSON: every dialect answers with events or a failure, never with an exception, and forgets nothing.

The seeds are small replies of each dialect. They are broken as bytes (cut, doubled, flipped) and as JSON (any member
replaced by anything), streamed and whole; requests are made of the matrix, broken the same way.
"""

from __future__ import annotations

import copy
import json
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breaking import broken
from matrix import MATRIX
from penstock.core.events import Event, Fail, collect
from penstock.core.failure import Failure
from penstock.dialects.caller import Caption
from penstock.dialects.dialect import Payload, ProviderDialect, WriteContext
from penstock.dialects.malformed import read_body
from penstock.dialects.openai.caller import request as openai_request
from penstock.dialects.openai.caller.chunks import ChunkWriter
from penstock.dialects.openai.caller.completion import completion
from penstock.dialects.openai.relay.request import fit_request
from penstock.dialects.registry import DIALECTS
from penstock.providers.registry import PROVIDERS
from penstock.traits.resolve import resolve

SAID: Final = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "developer", "user", "assistant"]),
        "content": st.sampled_from(["", " ", "\u3000\n", "Hi", "Hi ", "\x85a", "caf\u00e9"]),
    }
)
PLAIN_PARAMETERS: Final = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([0, 0.2, 1, 1.0, 2, None]),
        "top_p": st.sampled_from([0.5, 1]),
        "top_k": st.integers(1, 9),
        "max_tokens": st.integers(1, 9),
        "stop": st.sampled_from(["x", ["x", " "], []]),
        "seed": st.integers(0, 9),
        "user": st.just("u"),
        "reasoning_effort": st.sampled_from(["low", "none"]),
        "tools": st.just([{"type": "function", "function": {"name": "a.b", "parameters": {"type": "object"}}}]),
    },
)


@pytest.mark.parametrize("name", list(DIALECTS))
@given(st.lists(SAID, min_size=1, max_size=5), PLAIN_PARAMETERS, st.data())
def test_prose_is_written_as_any_messages_are(
    name: str, messages: list[dict[str, str]], parameters: dict[str, Any], data: st.DataObject
) -> None:
    """Whether its reader saw that there are texts alone makes no difference."""
    model = data.draw(st.sampled_from(MODELS.get(name, ("m",))))
    read = openai_request.read(json.dumps({"model": model, "messages": messages, **parameters}).encode())
    assert not isinstance(read, Failure)
    assert read.is_prose
    general = msgspec.structs.replace(read, messages=tuple(read.messages))
    assert not general.is_prose
    context = WriteContext(model, name, resolve(model, name))
    assert DIALECTS[name].write(read, context) == DIALECTS[name].write(general, context)


CAPTION: Final = Caption("unit", 1700000000, "a-model", "unit", strict=False)
MODELS: Final = {
    "anthropic": ("claude-sonnet-4-5", "claude-opus-4-7", "claude-3-haiku-20240307"),
    "bedrock_converse": (
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "amazon.nova-lite-v1:0",
        "openai.gpt-oss-120b-1:0",
    ),
    "gemini": ("gemini-2.5-pro", "gemini-3-pro-preview", "gemma-3-27b-it"),
    "cohere": ("command-a-reasoning-08-2025", "command-r"),
    "ollama": ("qwen3:8b", "llama3.1:8b"),
}


def sse(*values: Any) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (str(value.get("type", "message")).encode(), json.dumps(value).encode())
        if isinstance(value, dict)
        else b"data: %b\n\n" % json.dumps(value).encode()
        for value in values
    )


def ndjson(*values: Any) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def frames(*values: Any) -> bytes:
    """AWS event-stream frames: each value is {event type: payload}."""
    return b"".join(frame(next(iter(value), "x"), next(iter(value.values()), {})) if isinstance(value, dict) else frame("x", value) for value in values)  # fmt: skip


def frame(kind: str, payload: Any) -> bytes:
    headers = b"".join(
        bytes([len(name)]) + name + b"\x07" + struct.pack(">H", len(value)) + value
        for name, value in ((b":event-type", kind.encode()[:200]), (b":message-type", b"event"))
    )
    body = json.dumps(payload).encode()
    head = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    head += struct.pack(">I", zlib.crc32(head))
    return head + headers + body + struct.pack(">I", zlib.crc32(head + headers + body))


USAGE: Final = {"input_tokens": 3, "output_tokens": 2, "cache_read_input_tokens": 1}
STREAMS: Final[dict[str, tuple[Callable[..., bytes], list[Any]]]] = {
    "anthropic": (sse, [
        {"type": "message_start", "message": {"id": "m", "model": "c", "content": [], "usage": USAGE}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "citations_delta", "citation": {"type": "web_search_result_location", "url": "https://x", "title": "X"}}},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}},
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "content_block_stop", "index": 2},
        {"type": "content_block_start", "index": 3, "content_block": {"type": "server_tool_use", "id": "u", "name": "web_search", "input": {}}},
        {"type": "content_block_delta", "index": 3, "delta": {"type": "input_json_delta", "partial_json": "{\"q\":1}"}},
        {"type": "content_block_stop", "index": 3},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"}]),
    "gemini": (sse, [
        {"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": "hm", "thought": True, "thoughtSignature": "s"}, {"text": "Hi"}]}}], "responseId": "r", "modelVersion": "g"},
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "s"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, {"executableCode": {"code": "1"}}, {"codeExecutionResult": {"outcome": "OUTCOME_OK"}}]}, "finishReason": "STOP", "groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://x", "title": "X"}}], "groundingSupports": [{"segment": {"startIndex": 0, "endIndex": 2, "text": "Hi"}, "groundingChunkIndices": [0]}]}, "logprobsResult": {"chosenCandidates": [{"token": "Hi", "logProbability": -0.1}], "topCandidates": [{"candidates": [{"token": "Hi", "logProbability": -0.1}]}]}}], "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "thoughtsTokenCount": 1, "totalTokenCount": 6}}]),
    "bedrock_converse": (frames, [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "hm"}}}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "s"}}}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"text": "Hi"}}},
        {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"citation": {"title": "X", "location": {"web": {"url": "https://x"}}}}}},
        {"contentBlockStop": {"contentBlockIndex": 1}},
        {"contentBlockStart": {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t", "name": "f"}}}},
        {"contentBlockDelta": {"contentBlockIndex": 2, "delta": {"toolUse": {"input": "{}"}}}},
        {"contentBlockStop": {"contentBlockIndex": 2}},
        {"messageStop": {"stopReason": "tool_use"}},
        {"metadata": {"usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}, "metrics": {"latencyMs": 1}}}]),
    "cohere": (sse, [
        {"type": "message-start", "id": "m", "delta": {"message": {"role": "assistant", "content": []}}},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "thinking", "thinking": ""}}}},
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"thinking": "hm"}}}},
        {"type": "content-end", "index": 0},
        {"type": "content-start", "index": 1, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
        {"type": "content-delta", "index": 1, "delta": {"message": {"content": {"text": "Hi"}}}},
        {"type": "citation-start", "index": 0, "delta": {"message": {"citations": {"start": 0, "end": 2, "text": "Hi", "sources": []}}}},
        {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I will"}}},
        {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": {"id": "t", "type": "function", "function": {"name": "f", "arguments": ""}}}}},
        {"type": "tool-call-delta", "index": 0, "delta": {"message": {"tool_calls": {"function": {"arguments": "{}"}}}}},
        {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": {"tokens": {"input_tokens": 3, "output_tokens": 2}, "billed_units": {"input_tokens": 1}}}}]),
    "ollama": (ndjson, [
        {"model": "m", "created_at": "2025-01-01T00:00:00Z", "message": {"role": "assistant", "content": "", "thinking": "hm"}, "done": False},
        {"model": "m", "message": {"role": "assistant", "content": "Hi", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}, "done": False},
        {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}]),
}  # fmt: skip
WHOLE: Final[dict[str, Any]] = {
    "anthropic": {"id": "m", "type": "message", "role": "assistant", "model": "c", "stop_reason": "tool_use", "usage": USAGE, "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "Hi", "citations": [{"url": "https://x", "title": "X"}]}, {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}, {"type": "server_tool_use", "id": "u", "name": "w", "input": {}}]},
    "gemini": STREAMS["gemini"][1][1],
    "bedrock_converse": {"output": {"message": {"role": "assistant", "content": [{"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}, {"text": "Hi"}, {"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}}, {"citationsContent": {"content": [{"text": "Hi"}], "citations": [{"title": "X"}]}}]}}, "stopReason": "tool_use", "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}},
    "cohere": {"id": "m", "finish_reason": "COMPLETE", "message": {"role": "assistant", "tool_plan": "I will", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}], "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}], "citations": [{"start": 0, "end": 2, "text": "Hi", "sources": [{"type": "tool", "id": "x"}]}]}, "usage": {"tokens": {"input_tokens": 3, "output_tokens": 2}}},
    "ollama": {"model": "m", "created_at": "2025-01-01T00:00:00Z", "message": {"role": "assistant", "content": "Hi", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}, "done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2},
}  # fmt: skip
NAMES: Final = sorted(DIALECTS.keys() & STREAMS.keys())
every = pytest.mark.parametrize("name", NAMES)
every_writer = pytest.mark.parametrize("name", sorted(DIALECTS))

anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def contexts(name: str) -> Iterator[WriteContext]:
    for model in MODELS.get(name, ("a-model",)):
        yield WriteContext(model, "unit", resolve(model), {}, "")


def written(events: list[Event]) -> None:
    """What was read can be told, both ways."""
    reply = collect(events)
    writer = ChunkWriter(CAPTION)
    writer.write(events)
    writer.finish()
    if reply.failure is None:
        completion(reply, CAPTION)
    assert all(not isinstance(event, Fail) for event in events[:-1]), "nothing follows a failure"


def read(dialect: ProviderDialect, context: WriteContext, pieces: list[bytes]) -> list[Event]:
    reader, found = dialect.reader(context), list[Event]()
    for piece in pieces:
        found += reader.feed(piece)
        if found and isinstance(found[-1], Fail):
            return found
    return [*found, *reader.finish()]


def cut(data: bytes, seed: int) -> list[bytes]:
    generator = random.Random(seed)
    places = sorted(generator.randrange(len(data) + 1) for _ in range(generator.randrange(4)))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


@every
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_member_of_a_stream_may_be_anything(name: str, data: st.DataObject) -> None:
    framing, values = STREAMS[name]
    damaged = broken(values, data.draw(st.integers(0, 2**32)), data.draw(anything))
    body = framing(*damaged)
    context = next(contexts(name))
    whole = read(DIALECTS[name], context, [body])
    written(whole)
    assert read(DIALECTS[name], context, cut(body, data.draw(st.integers(0, 2**32)))) == whole


@every
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_member_of_a_reply_may_be_anything(name: str, data: st.DataObject) -> None:
    damaged = broken(WHOLE[name], data.draw(st.integers(0, 2**32)), data.draw(anything))
    written(DIALECTS[name].read_reply(json.dumps(damaged).encode(), next(contexts(name))))


@every_writer
@given(body=st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes(name: str, body: bytes) -> None:
    context = next(contexts(name))
    written(read(DIALECTS[name], context, [body]))
    written(DIALECTS[name].read_reply(body, context))


@every
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_any_byte_of_a_stream_may_be_wrong(name: str, data: st.DataObject) -> None:
    framing, values = STREAMS[name]
    body = bytearray(framing(*values))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.sampled_from(["flip", "drop", "double"])):
            case "flip":
                body[at] ^= 1 << data.draw(st.integers(0, 7))
            case "drop":
                del body[at : at + 9]
            case _:
                body[at:at] = body[at : at + 20]
    written(read(DIALECTS[name], next(contexts(name)), [bytes(body)]))


@every_writer
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_request_is_written_or_refused(name: str, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(sorted(MATRIX)))
    damaged = broken(MATRIX[row], data.draw(st.integers(0, 2**32)), data.draw(anything))
    request = openai_request.read(json.dumps(damaged).encode())
    if isinstance(request, Failure):
        assert request.status == 400
        return
    for context in contexts(name):
        payload = DIALECTS[name].write(request, context)
        assert isinstance(payload, Payload | Failure)
        if isinstance(payload, Payload):
            assert isinstance(json.loads(payload.body), dict)


CONVERSATION: Final = {
    "model": "m", "reasoning_effort": "low", "thinking": {"type": "enabled"}, "max_tokens": 5, "stop": ["x"],
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "assistant", "content": None, "reasoning_content": "hm", "refusal": None, "annotations": [],
         "reasoning_details": [{"type": "reasoning.text", "text": "hm", "format": "anthropic-claude-v1"}],
         "content_blocks": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}],
         "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"},
                         "extra_content": {"google": {"thought_signature": "s"}}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "r"},
    ],
}  # fmt: skip
ACCENTS: Final = sorted(
    row.slug for row in PROVIDERS.values() if row.quirks.adapts_request is not None or row.quirks.applies_model_limits
)


@pytest.mark.parametrize("slug", ACCENTS)
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_any_request_is_put_for_a_provider_with_an_accent(slug: str, data: st.DataObject) -> None:
    rows = {**MATRIX, "conversation": CONVERSATION}
    row = rows[data.draw(st.sampled_from(["conversation", *sorted(MATRIX)]))]
    damaged = broken(row, data.draw(st.integers(0, 2**32)), data.draw(anything))
    model = data.draw(st.sampled_from(["gpt-5", "o1-mini", "grok-4.5", "glm-4.6", "kimi-k2.6", "deepseek-v4-pro", "m"]))
    quirks, traits = PROVIDERS[slug].quirks, resolve(model, slug)
    request = read_body(json.dumps(damaged).encode())
    if isinstance(request, Failure):
        assert request.status == 400
        return
    fitted = fit_request(request.body, WriteContext(model, slug, traits, quirks=quirks))
    assert not isinstance(fitted, Failure)
    assert isinstance(json.loads(fitted.body.encode()), dict)


@every_writer
@pytest.mark.parametrize("row", sorted(MATRIX))
def test_the_matrix_is_written_for_every_kind_of_model(name: str, row: str) -> None:
    request = openai_request.read(json.dumps(MATRIX[row]).encode())
    assert not isinstance(request, Failure)
    before = copy.deepcopy(request)
    for context in contexts(name):
        payload = DIALECTS[name].write(request, context)
        assert isinstance(payload, Payload | Failure)
        if isinstance(payload, Payload):
            json.loads(payload.body)
            again = DIALECTS[name].write(request, msgspec.structs.replace(context))
            assert again == payload, "writing is a function"
    assert request == before, "other requests may hold the same tools"


@every
def test_nothing_is_kept_that_was_said(name: str) -> None:
    """A long stream leaves a reader no larger than a short one: what it has told, it forgets."""
    framing, values = STREAMS[name]
    text = {"anthropic": 6, "gemini": 0, "bedrock_converse": 4, "cohere": 5, "ollama": 0}[name]
    begin = values[: text + 1]
    again = framing(values[text])
    sizes = []
    for count in (10, 2000):
        reader = DIALECTS[name].reader(next(contexts(name)))
        reader.feed(framing(*begin))
        for _ in range(count):
            reader.feed(again)
        sizes.append(weight(reader))
    # Gemini tells its sources last, by offsets into the text that it said before.
    allowed = 24 * 2000 if name == "gemini" else 2048
    assert sizes[1] < sizes[0] + allowed


def weight(value: Any, seen: set[int] | None = None) -> int:
    """Roughly the bytes that an object holds on to."""
    seen = set() if seen is None else seen
    if id(value) in seen or callable(value) or isinstance(value, type):
        return 0
    seen.add(id(value))
    if isinstance(value, str | bytes | bytearray):
        return len(value)
    if isinstance(value, dict):
        return sum(weight(key, seen) + weight(item, seen) for key, item in value.items()) + 8 * len(value)
    if isinstance(value, list | tuple | set | frozenset):
        return sum(weight(item, seen) for item in value) + 8 * len(value)
    members = [getattr(value, name, None) for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    members += list(getattr(value, "__dict__", {}).values())
    members += [getattr(value, name) for name in getattr(value, "__struct_fields__", ())]
    return sum(weight(member, seen) for member in members)


def test_the_seeds_are_whole() -> None:
    """Unbroken, every seed is an answer with text and a call."""
    for name in NAMES:
        framing, values = STREAMS[name]
        for events in (
            read(DIALECTS[name], next(contexts(name)), [framing(*values)]),
            DIALECTS[name].read_reply(json.dumps(WHOLE[name]).encode(), next(contexts(name))),
        ):
            reply = collect(events)
            assert reply.failure is None, name
            assert len(reply.choices[0].calls) == 1
            said = json.loads(completion(reply, CAPTION))["choices"][0]["message"]["content"]
            assert "Hi" in (said or "") or name == "gemini"
