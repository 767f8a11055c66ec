"""OpenAI's dialect with an accent, mended: what deviates and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from penstock.dialects.openai.relay import normalize as openai_normalize
from penstock.dialects.openai.relay import normalize_stream as openai_normalize_stream
from penstock.dialects.openai.relay.normalize import normalize_reply, whole_number, written
from penstock.dialects.openai.relay.normalize_stream import StreamNormalizer

DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


def call(**members: Any) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}, **members}


def reply(message: Any = None, choice: Any = None, **members: Any) -> dict[str, Any]:
    """A faultless reply, and what differs in it. A member that is ``...`` is left out."""
    said = {"role": "assistant", "content": "Hi", "refusal": None, **(message or {})}
    only = {"index": 0, "message": _given(said), "logprobs": None, "finish_reason": "stop", **(choice or {})}
    head = {"id": "r", "object": "chat.completion", "created": 9, "model": "m", "choices": [_given(only)]}
    return _given({**head, "usage": USAGE, **members})


def chunk(delta: Any = None, finish: Any = None, **members: Any) -> dict[str, Any]:
    """A faultless chunk, and what differs in it."""
    choices = [_given({"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish})]
    head = {"id": "r", "object": "chat.completion.chunk", "created": 9, "model": "m", "choices": choices}
    return _given({**head, **members})


def _given(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not ...}


ROLE = chunk({"role": "assistant", "content": ""})
TEXT = chunk({"content": "Hi"})
STOP = chunk({}, "stop")


def sse(*chunks: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks)


def squeezed(data: bytes) -> bytes:
    """The bytes whichever way their JSON is spaced."""
    return data.replace(b": ", b":").replace(b", ", b",")


def mend(data: bytes, size: int | None = None) -> bytes:
    normalizer = StreamNormalizer()
    pieces = [data[at : at + size] for at in range(0, len(data), size)] if size else [data]
    return b"".join([normalizer.feed(piece) for piece in pieces]) + normalizer.finish()


def normalized(*chunks: Any) -> list[dict[str, Any]]:
    """The chunks after mending, ``[DONE]`` taken off."""
    found = mend(sse(*chunks) + DONE)
    assert found.endswith(DONE)
    assert mend(found) == found
    return [json.loads(event[6:]) for event in found.removesuffix(DONE).split(b"\n\n")[:-1]]


def added_up(*chunks: Any) -> dict[str, Any]:
    """The message that OpenAI's SDK makes of the mended chunks."""
    state = ChatCompletionStreamState()
    for each in normalized(*chunks):
        list(state.handle_chunk(ChatCompletionChunk.model_validate(each)))
    found: dict[str, Any] = state.get_final_completion().choices[0].message.to_dict()
    return found


# Whole replies.


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(reply(), indent=2).encode(),
        json.dumps(reply({"content": None, "tool_calls": [call(index=0)]}, {"finish_reason": "tool_calls"})).encode(),  # docs/quirks.md#q92
        json.dumps(reply({"content": "<think>hm</think>Hi", "reasoning": "hm"})).encode(),  # docs/quirks.md#q98, #q103
        json.dumps(reply(service_tier="on_demand", system_fingerprint=None, citations=["x"])).encode(),
        json.dumps(reply({"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": ""}}]})).encode(),
        json.dumps(reply(choices=[])).encode(),
        json.dumps(reply(usage=...)).encode(),
        json.dumps(reply(error={"message": "no"}, created=...)).encode(),  # docs/quirks.md#q83
        b'{"object":"error","message":"no","code":"1000"}',
        b'{"choices":{}}',
        b"[]",
        b"not json",
        b"",
    ],
)  # fmt: skip
def test_a_reply_without_fault_keeps_its_bytes(data: bytes) -> None:
    assert normalize_reply(data) == data


THINKING = {
    "type": "thinking",
    "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}],
    "closed": True,
}
REFERENCE = {"type": "reference", "reference_ids": [1]}
ZERO_CALL = {"name": "", "arguments": ""}
ZERO_AUDIO = {"id": "", "data": "", "expires_at": 0, "transcript": ""}
CALLED = {"finish_reason": "tool_calls"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # docs/quirks.md#q73: lists of parts
        (reply({"content": [THINKING, {"type": "text", "text": "Hi"}]}), reply({"reasoning_content": "hm"})),
        (reply({"content": [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}]}), reply()),
        (reply({"content": [{"type": "thinking", "thinking": "hm"}]}), reply({"content": "", "reasoning_content": "hm"})),
        (reply({"content": [THINKING], "reasoning_content": "own"}), reply({"content": "", "reasoning_content": "own"})),
        (reply({"content": [{"type": "text", "text": "Hi"}, REFERENCE]}), reply({"content_blocks": [{"type": "text", "text": "Hi"}, REFERENCE]})),
        (reply({"content": [{**THINKING, "signature": "s"}]}), reply({"content": "", "reasoning_content": "hm", "content_blocks": [{**THINKING, "signature": "s"}]})),
        (reply({"content": ["odd", {"type": "text", "text": 1}]}), reply({"content": "", "content_blocks": ["odd", {"type": "text", "text": 1}]})),
        (reply({"content": []}), reply({"content": ""})),
        # docs/quirks.md#q75: no type; docs/quirks.md#q100: no id; docs/quirks.md#q88: no arguments; arguments that are no text
        (reply({"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}, CALLED), reply({"tool_calls": [call(id="c")]}, CALLED)),
        (reply({"tool_calls": [call(function={"name": "f", "arguments": ""})]}, CALLED), reply({"tool_calls": [call()]}, CALLED)),
        (reply({"tool_calls": [call(function={"name": "f"})]}, CALLED), reply({"tool_calls": [call()]}, CALLED)),
        (reply({"tool_calls": [call(function={"name": "f", "arguments": {"a": [1]}})]}, CALLED), reply({"tool_calls": [call(function={"name": "f", "arguments": '{"a":[1]}'})]}, CALLED)),
        # docs/quirks.md#q80, #q84, #q100: required members
        (reply({"content": ...}), reply({"content": None})),
        (reply({"refusal": ...}), reply()),
        (reply({"role": "model"}), reply()),
        (reply(None, {"logprobs": ...}), reply()),
        (reply(None, {"logprobs": {"content": []}}), reply(None, {"logprobs": {"content": [], "refusal": None}})),
        (reply(None, {"index": ...}), reply()),
        (reply(None, {"message": None}), reply({"content": None})),
        # docs/quirks.md#q95, #q96: why it ended
        (reply(None, {"finish_reason": "eos"}), reply()),
        (reply(None, {"finish_reason": ...}), reply()),
        (reply(None, {"finish_reason": 1}), reply()),
        (reply(None, {"finish_reason": "model_length"}), reply(None, {"finish_reason": "length"})),
        (reply(None, {"finish_reason": "SAFETY"}), reply(None, {"finish_reason": "content_filter"})),
        (reply({"tool_calls": [call()]}, {"finish_reason": ""}), reply({"tool_calls": [call()]}, CALLED)),
        (reply({"tool_calls": [call()]}, {"finish_reason": "STOP"}), reply({"tool_calls": [call()]}, CALLED)),
        # docs/quirks.md#q96: zero values; nulls that the schema refuses
        (reply({"function_call": ZERO_CALL, "audio": ZERO_AUDIO, "annotations": None, "tool_calls": None}, service_tier=""), reply(service_tier=None)),
        # usage
        (reply(usage=None), reply(usage=...)),
        (reply(usage="many"), reply(usage=...)),
        (reply(usage={"prompt_tokens": 5, "completion_tokens": 2.0}), reply()),
        (reply(usage={"prompt_tokens": None, "completion_tokens": "2", "total_tokens": None}), reply(usage={"prompt_tokens": 0, "completion_tokens": 2, "total_tokens": 2})),
        (reply(usage={**USAGE, "prompt_tokens_details": None, "completion_tokens_details": {"audio_tokens": None, "reasoning_tokens": 1.0, "own": None}}), reply(usage={**USAGE, "completion_tokens_details": {"reasoning_tokens": 1, "own": None}})),
        # the head
        (reply(id=12, object="text_completion", created=9.7, model=None), reply(id="12", model="")),
        (reply(id=..., created="9"), reply(id="")),
        (reply(created="yesterday"), reply(created=0)),
        (reply(choices=["odd"], object=...), reply(choices=["odd"])),
    ],
)  # fmt: skip
def test_replies(given: dict[str, Any], expected: dict[str, Any]) -> None:
    found = normalize_reply(json.dumps(given).encode())
    assert json.loads(found) == expected
    assert normalize_reply(found) == found


def test_calls_without_an_id_get_one_of_their_own_each() -> None:
    """docs/quirks.md#q100: Gemini's endpoint gives an empty one."""
    data = json.dumps(reply({"tool_calls": [call(id=""), call(id=None), {"function": {"name": "f"}}]}, CALLED)).encode()
    found = json.loads(normalize_reply(data))["choices"][0]["message"]["tool_calls"]
    ids = [each["id"] for each in found]
    assert len(set(ids)) == 3
    assert all(each.startswith("call_") for each in ids)
    assert normalize_reply(data) == normalize_reply(data)
    assert (
        json.loads(normalize_reply(data.replace(b'"id": "r"', b'"id": "s"')))["choices"][0]["message"]["tool_calls"]
        != found
    )


def test_numbers_keep_their_spelling() -> None:
    data = json.dumps(reply({"refusal": ...}, cost="X", seed="Y")).encode()
    data = data.replace(b'"X"', b"1.10").replace(b'"Y"', b"[1e400, 12345678901234567890123]")
    assert b'"cost":1.10,"seed":[1e400,12345678901234567890123]' in normalize_reply(data)


def test_halves_of_a_surrogate_pair_survive() -> None:
    data = json.dumps(reply({"content": "\ud83d", "refusal": ...}, id="\udc00", cost=0.5)).encode()
    assert json.loads(normalize_reply(data)) == reply({"content": "\ud83d"}, id="\udc00", cost=0.5)


def test_what_nests_too_deep_is_not_written() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert written(nested) is None


def test_what_can_not_be_written_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack that is nearly full may take the reading of a value and not its writing, some calls deeper."""
    for module in (openai_normalize, openai_normalize_stream):
        monkeypatch.setattr(module, "written", lambda value: None)
    data = json.dumps(reply({"refusal": ..., "tool_calls": [call(function={"arguments": {}})]})).encode()
    assert normalize_reply(data) == data
    stream = sse(chunk(choices=[], object="", id=""), ROLE, chunk({}, ...), chunk(choices=[], usage=USAGE)) + DONE
    assert mend(stream) == stream


@pytest.mark.parametrize(
    ("value", "found"), [(3, 3), (3.9, 3), ("3", 3), ("3.5", 3), (True, None), (None, None), ("x", None), ("inf", None)]
)
def test_whole_numbers(value: object, found: int | None) -> None:
    assert whole_number(value) == found


# Streams.

CALL = chunk(
    {"role": "assistant", "content": None, "tool_calls": [call(index=0, function={"name": "f", "arguments": ""})]}
)
CALL_ENDED = chunk({}, "tool_calls")


def arguments(text: str, index: Any = 0, **members: Any) -> dict[str, Any]:
    return chunk({"tool_calls": [_given({"index": index, "function": {"arguments": text}, **members})]})


@pytest.mark.parametrize(
    "stream",
    [
        sse(ROLE, TEXT, STOP) + DONE,
        sse(ROLE, TEXT, chunk({"content": " you"}, "stop", usage=USAGE)) + DONE,  # docs/quirks.md#q81, #q101
        sse(chunk({"role": "assistant", "content": "Hi"}, usage=USAGE), chunk({}, "stop", usage=USAGE)) + DONE,  # docs/quirks.md#q102
        sse(ROLE, chunk(choices=[], moderation={}), STOP, chunk(choices=[], usage=USAGE)) + DONE,
        sse({**ROLE, "usage": None}, {**TEXT, "usage": None, "obfuscation": "xx"}, STOP) + DONE,
        sse(chunk({"role": "assistant", "content": None, "reasoning_content": "h"}), TEXT, STOP) + DONE,  # docs/quirks.md#q80
        sse(CALL, arguments('{"a"'), arguments(":1}"), arguments("", id="", type="function"), CALL_ENDED) + DONE,
        sse(chunk({"role": "assistant", "tool_calls": [call(index=0), call(index=1, id="call_2")]}, "tool_calls")) + DONE,  # docs/quirks.md#q74, #q79, #q98
        sse(chunk({"role": "assistant", "tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "f", "input": ""}}]}), CALL_ENDED) + DONE,
        sse(chunk({"role": "assistant", "content": "<think>"}), STOP) + DONE,  # docs/quirks.md#q103
        b": PROCESSING\n\n" + sse(ROLE) + b": PROCESSING\n\n" + sse(STOP) + b": bye\n\n" + DONE,  # docs/quirks.md#q86
        (sse(ROLE, TEXT, STOP) + DONE).replace(b"\n", b"\r\n"),
        (sse(ROLE, TEXT, STOP) + DONE).replace(b"\n", b"\r"),
        b"id: 1\nevent: chunk\n" + sse(ROLE) + sse(TEXT, STOP).replace(b"data: ", b"data:") + b"data:[DONE]\n\n",  # docs/quirks.md#q94
        sse(ROLE).replace(b', "choices"', b',\ndata: "choices"') + sse(STOP) + DONE,
        sse(ROLE) + b"event: error\n" + sse({"error": {"message": "tool_use_failed"}}),  # docs/quirks.md#q82
        sse(ROLE, {**TEXT, "error": {"code": 400}, "id": "other"}) + DONE,  # docs/quirks.md#q89
        sse(ROLE) + b'event: error\ndata: {"choices":[]}\n\n' + DONE,
        sse(ROLE, {"object": "error", "message": "no"}) + DONE,
        sse(ROLE, {"type": "ping"}, [], 1, None, "x", STOP) + DONE,
        sse(ROLE, TEXT),  # cut off: neither a reason nor an end
        sse(ROLE, TEXT, chunk(choices=[], usage=USAGE)),
        sse(ROLE) + b"data: {\n\ndata: \xff\n\n" + sse(STOP) + DONE,
        sse(ROLE) + b'data: {"id": "r", "obj',
        sse(ROLE, STOP) + DONE + sse(TEXT),
        b"\n\n\n" + sse(ROLE) + b"\n" + sse(STOP) + b"\n" + DONE,
        DONE,
        b"",
    ],
)  # fmt: skip
def test_a_stream_without_fault_keeps_its_bytes(stream: bytes) -> None:
    for size in (None, *range(1, 40), 200):
        assert mend(stream, size) == stream


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # docs/quirks.md#q73: lists in deltas
        ([ROLE, chunk({"content": [THINKING]}), TEXT, STOP], [ROLE, chunk({"content": "", "reasoning_content": "hm"}), TEXT, STOP]),
        # docs/quirks.md#q85: another id and time
        ([ROLE, {**TEXT, "id": "s", "created": 10}, STOP], [ROLE, TEXT, STOP]),
        # docs/quirks.md#q90: Azure's first chunk, its filter results
        ([chunk(choices=[], id="", object="", created=0, model="", x=1), ROLE, STOP], [chunk(choices=[], x=1), ROLE, STOP]),
        ([chunk(choices=[], id="", object=""), {**ROLE, "id": ""}, {**STOP, "id": ""}], [chunk(choices=[], id=""), {**ROLE, "id": ""}, {**STOP, "id": ""}]),
        ([ROLE, TEXT, STOP, chunk(choices=[{"index": 0, "finish_reason": None, "offsets": {}}], id="", object="")], [ROLE, TEXT, STOP, chunk(choices=[{"index": 0, "finish_reason": None, "offsets": {}, "delta": {}}])]),
        # docs/quirks.md#q93, #q94: objects of other kinds
        ([{**ROLE, "object": "text_completion"}, {**STOP, "object": "chat.completion.done"}], [ROLE, STOP]),
        # docs/quirks.md#q94: the token that ends the text
        ([ROLE, chunk({"content": "</s>"}, "eos_token")], [ROLE, chunk({"content": ""}, "stop")]),
        ([ROLE, chunk({"content": "x > y"}, "eos_token")], [ROLE, chunk({"content": "x > y"}, "stop")]),
        ([ROLE, chunk({"content": "</s>"}, "stop")], [ROLE, chunk({"content": "</s>"}, "stop")]),
        # docs/quirks.md#q95, #q96, #q105: why and when it ended
        ([ROLE, chunk({}, "eos")], [ROLE, STOP]),
        ([ROLE, chunk({"content": "Hi"}, ""), chunk({}, ...), STOP], [ROLE, TEXT, chunk(), STOP]),
        ([CALL, arguments("{}"), chunk({}, "eos")], [CALL, arguments("{}"), CALL_ENDED]),
        # docs/quirks.md#q87: a reason that is repeated, and one that is not
        ([ROLE, STOP, chunk({}, "stop", usage=USAGE)], [ROLE, STOP, chunk(usage=USAGE)]),
        ([ROLE, STOP, chunk({}, "length")], [ROLE, STOP, chunk({}, "length")]),
        # docs/quirks.md#q96: no reason at all, with usage or without
        ([ROLE, TEXT, chunk(choices=[], usage=USAGE)], [ROLE, TEXT, {**STOP, "usage": USAGE}]),
        ([ROLE, TEXT], [ROLE, TEXT, STOP]),
        ([CALL], [CALL, chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}, "tool_calls")]),
        ([ROLE, chunk(choices=[], usage=USAGE), TEXT, STOP], [ROLE, chunk(choices=[], usage=USAGE), TEXT, STOP]),
        # docs/quirks.md#q85, #q97: no role; docs/quirks.md#q104: one too many
        ([TEXT, STOP], [chunk({"content": "Hi", "role": "assistant"}), STOP]),
        ([chunk({"role": ["odd"], "content": "Hi"}), STOP], [chunk({"role": "assistant", "content": "Hi"}), STOP]),
        ([ROLE, chunk({"role": "assistant", "content": "Hi"}), STOP], [ROLE, TEXT, STOP]),
        ([ROLE, chunk(choices=[{"index": 1, "delta": {}, "finish_reason": None}]), chunk(choices=[STOP["choices"][0], {"index": 1, "delta": {}, "finish_reason": "stop"}])], [ROLE, chunk(choices=[{"index": 1, "delta": {"role": "assistant"}, "finish_reason": None}]), chunk(choices=[STOP["choices"][0], {"index": 1, "delta": {}, "finish_reason": "stop"}])]),
        # docs/quirks.md#q75, #q100, and a first piece without arguments
        ([chunk({"role": "assistant", "content": None, "tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "f"}}]}), arguments("{}"), CALL_ENDED], [CALL, arguments("{}"), CALL_ENDED]),
        # docs/quirks.md#q88: no arguments until the end
        ([CALL, arguments(""), chunk({}, "tool_calls"), chunk({}, "stop")], [CALL, arguments(""), chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}, "tool_calls"), STOP]),
        # docs/quirks.md#q91: nulls; names that are repeated
        ([CALL, chunk({"role": None, "tool_calls": [{"index": 0, "id": None, "type": None, "function": {"name": None, "arguments": "{}"}}]}), chunk({"tool_calls": None, "function_call": None}, "tool_calls")], [CALL, arguments("{}"), CALL_ENDED]),
        ([CALL, chunk({"tool_calls": [call(index=0)]}), CALL_ENDED], [CALL, arguments("{}", type="function"), CALL_ENDED]),
        ([CALL, arguments("{", id="call_x"), arguments("}"), CALL_ENDED], [CALL, arguments("{"), arguments("}"), CALL_ENDED]),
        ([CALL, arguments({"a": 1}), CALL_ENDED], [CALL, arguments('{"a":1}'), CALL_ENDED]),  # type: ignore[arg-type]
        # docs/quirks.md#q97: no index, a sparse one, the same for all
        ([ROLE, chunk({"tool_calls": [call(), call(id="call_2")]}, "tool_calls")], [ROLE, chunk({"tool_calls": [call(index=0), call(index=1, id="call_2")]}, "tool_calls")]),
        ([CALL, arguments("{", ...), arguments("}", ..., id="call_1"), chunk({"tool_calls": [call(id="call_2")]}), CALL_ENDED], [CALL, arguments("{"), arguments("}"), chunk({"tool_calls": [call(index=1, id="call_2")]}), CALL_ENDED]),
        ([chunk({"role": "assistant", "tool_calls": [call(index=3)]}), arguments(" ", 3), CALL_ENDED], [chunk({"role": "assistant", "tool_calls": [call(index=0)]}), arguments(" "), CALL_ENDED]),
        ([ROLE, chunk({"tool_calls": [call(index=0), call(index=0, id="call_2")]}), arguments(" ", 0), CALL_ENDED], [ROLE, chunk({"tool_calls": [call(index=0), call(index=1, id="call_2")]}), arguments(" ", 1), CALL_ENDED]),
        # heads, usage and the rest
        ([ROLE, {"choices": TEXT["choices"]}, chunk({}, "stop", created=9.0, model="", service_tier="")], [ROLE, TEXT, chunk({}, "stop", service_tier=None)]),
        ([ROLE, STOP, {"usage": {"prompt_tokens": 5, "completion_tokens": 2}}], [ROLE, STOP, chunk(choices=[], usage=USAGE)]),
        ([ROLE, {"object": "chat.completion.chunk"}, chunk(choices=None), STOP], [ROLE, chunk(choices=[]), chunk(choices=[]), STOP]),
        ([ROLE, chunk(choices=[{"delta": {"content": "Hi"}, "logprobs": {"content": []}}]), STOP], [ROLE, chunk(choices=[{"delta": {"content": "Hi"}, "logprobs": {"content": [], "refusal": None}, "index": 0, "finish_reason": None}]), STOP]),
        ([chunk(choices=["odd"]), ROLE, STOP], [chunk(choices=["odd"]), ROLE, STOP]),
    ],
)  # fmt: skip
def test_streams(given: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert normalized(*given) == expected


def test_choices_are_told_apart() -> None:
    def second(each: dict[str, Any]) -> dict[str, Any]:
        found = deepcopy(each)
        found["choices"][0]["index"] = 1
        return found

    sound = [ROLE, second(ROLE), second(CALL), TEXT, second(arguments("{}")), STOP, second(CALL_ENDED)]
    without_role = second(chunk({"content": None, "tool_calls": CALL["choices"][0]["delta"]["tool_calls"]}))
    assert normalized(*sound) == [ROLE, second(ROLE), without_role, *sound[3:]]


def test_calls_without_an_id_get_one_in_streams() -> None:
    """docs/quirks.md#q100: the same as ever, another one for each call and each choice."""
    given = [ROLE, chunk({"tool_calls": [call(index=0, id=""), call(index=1, id=None)]}), arguments(" ", 1), CALL_ENDED]
    found = normalized(*given)
    first, second = (each["id"] for each in found[1]["choices"][0]["delta"]["tool_calls"])
    assert first != second
    assert first.startswith("call_")
    assert normalized(*given) == found


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        ([chunk({"role": "assistant", "content": part}) for part in ("H", "i", "!")] + [STOP], {"role": "assistant", "content": "Hi!"}),
        ([TEXT, chunk({"tool_calls": [call()]}, "tool_calls")], {"role": "assistant", "content": "Hi", "tool_calls": [call(index=0)]}),
        ([chunk({"tool_calls": [call(index=1, function={"name": "f", "arguments": "{"})]}), chunk({"tool_calls": [call(index=1, function={"name": "f", "arguments": "}"})]}), CALL_ENDED], {"role": "assistant", "tool_calls": [call(index=0)]}),
        ([CALL, arguments("{}", id=None, type=None), chunk({"tool_calls": None}, "tool_calls")], {"role": "assistant", "content": None, "tool_calls": [call(index=0)]}),
        ([chunk(choices=[{"finish_reason": None}], object=""), TEXT, CALL_ENDED], {"role": "assistant", "content": "Hi"}),
    ],
)  # fmt: skip
def test_the_openai_sdk_adds_up_what_was_meant(chunks: list[dict[str, Any]], message: dict[str, Any]) -> None:
    found = added_up(*chunks)
    for each in found.get("tool_calls") or []:
        del each["function"]["parsed_arguments"]
    assert {name: value for name, value in found.items() if name in message} == message


# Framing.

UNSOUND = chunk({"content": "Hi"}, ...)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (sse(UNSOUND).replace(b"\n", b"\r\n"), sse(TEXT).replace(b"\n", b"\r\n")),
        (sse(UNSOUND).replace(b"\n", b"\r"), sse(TEXT).replace(b"\n", b"\r")),
        (sse(UNSOUND).replace(b"data: ", b"data:"), sse(TEXT)),
        (b": c\nid: 1\n" + sse(UNSOUND)[:-1] + b"event: x\n\n", b": c\nid: 1\n" + sse(TEXT)[:-1] + b"event: x\n\n"),
        (sse(UNSOUND).replace(b', "choices"', b',\ndata: "choices"'), sse(TEXT)),
        (sse(UNSOUND) + b": c\n\n" + sse(TEXT, UNSOUND), sse(TEXT) + b": c\n\n" + sse(TEXT, TEXT)),
    ],
)
def test_only_the_data_of_an_event_is_changed(given: bytes, expected: bytes) -> None:
    for size in (None, 1, 2, 7, 60):
        found = mend(sse(ROLE) + given + sse(STOP) + DONE, size)
        assert squeezed(found) == squeezed(sse(ROLE) + expected + sse(STOP) + DONE)
        assert found.startswith(sse(ROLE))
        assert found.endswith(sse(STOP) + DONE)


@pytest.mark.parametrize(
    ("given", "added"),
    [
        (sse(ROLE, STOP), DONE),  # docs/quirks.md#q94, #q97
        (sse(ROLE, STOP).rstrip(b"\n"), b"\n\n" + DONE),  # docs/quirks.md#q105: clients drop an event without its end
        (sse(ROLE, STOP)[:-1], b"\n" + DONE),
        (sse(ROLE, STOP).replace(b"\n", b"\r\n"), DONE),
        (sse(ROLE, STOP) + b"data: [DONE]", b"\n\n"),
        (sse(ROLE, STOP) + DONE, b""),
        (sse(ROLE, TEXT), b""),
    ],
)
def test_a_finished_stream_gets_its_end(given: bytes, added: bytes) -> None:
    assert mend(given) == given + added
    assert mend(given, 3) == given + added


def test_the_last_object_of_perplexity_ends_a_stream() -> None:
    """docs/quirks.md#q93: it needs no reason besides."""
    assert squeezed(mend(sse(ROLE, chunk(object="chat.completion.done")))) == squeezed(sse(ROLE, chunk()) + DONE)


def test_an_event_of_several_pieces_that_is_too_long_passes() -> None:
    image = chunk({"role": "assistant", "images": ["x" * (1 << 21)]})
    stream = sse(ROLE, image, TEXT, STOP) + DONE
    assert mend(stream, 1 << 16) == stream


# Whatever comes.

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
WHOLE = reply({"content": [THINKING], "tool_calls": [call(index=0)]}, {"logprobs": {"content": []}}, usage={**USAGE, "prompt_tokens_details": {"cached_tokens": 1}})  # fmt: skip
CHUNKS = [
    chunk(choices=[], id="", usage=None),
    chunk({"role": "assistant", "content": "", "tool_calls": [call(index=0)]}),
    chunk({"content": [THINKING], "tool_calls": [call(index=0, id="call_2")]}, "eos_token", usage=USAGE),
    chunk(choices=[], usage=USAGE),
]


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


@settings(max_examples=150)
@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    assert normalize_reply(data) == data
    assert mend(data, 3)[: len(data)] == data
    assert mend(b"data: " + data)[: len(data) + 6] == b"data: " + data


@settings(max_examples=300)
@given(st.sampled_from(list(paths(WHOLE))), JSON)
def test_any_member_of_a_reply(path: tuple[Any, ...], value: Any) -> None:
    found = normalize_reply(json.dumps(replaced(WHOLE, path, value)).encode())
    assert normalize_reply(found) == found


@settings(max_examples=300)
@given(st.sampled_from(list(paths(CHUNKS))), JSON, st.integers(1, 400))
def test_any_member_of_a_stream_cut_anywhere(path: tuple[Any, ...], value: Any, size: int) -> None:
    changed = replaced(CHUNKS, path, value)
    stream = sse(*(changed if isinstance(changed, list) else [changed])) + DONE
    found = mend(stream)
    assert mend(stream, size) == found
    assert found.endswith(DONE)
