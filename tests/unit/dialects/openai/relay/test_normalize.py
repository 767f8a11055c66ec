"""Replies normalized: what deviates from OpenAI's and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizing import DONE, JSON, ROLE, THINKING, USAGE, call, chunk, mend, paths, replaced, sse, without_ellipses
from penstock.dialects.openai.relay import normalize as openai_normalize
from penstock.dialects.openai.relay import normalize_stream as openai_normalize_stream
from penstock.dialects.openai.relay.normalize import normalize_reply


def reply(message: Any = None, choice: Any = None, **members: Any) -> dict[str, Any]:
    """A faultless reply, and what differs in it. A member that is ``...`` is left out."""
    said = {"role": "assistant", "content": "Hi", "refusal": None, **(message or {})}
    only = {"index": 0, "message": without_ellipses(said), "logprobs": None, "finish_reason": "stop", **(choice or {})}
    head = {"id": "r", "object": "chat.completion", "created": 9, "model": "m", "choices": [without_ellipses(only)]}
    return without_ellipses({**head, "usage": USAGE, **members})


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
        json.dumps(reply({"refusal": ...}, {"finish_reason": "error"}, id=...)).encode(),  # docs/quirks.md#q89
        json.dumps(reply(base_resp={"status_code": 1027}, id=...)).encode(),
        b'{"object":"error","message":"no","code":"1000"}',
        b'{"choices":{}}',
        b"[]",
        b"not json",
        b"",
    ],
)  # fmt: skip
def test_a_reply_without_fault_keeps_its_bytes(data: bytes) -> None:
    assert normalize_reply(data) == data


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
        (reply(None, {"finish_reason": ...}), reply(None, {"finish_reason": None})),
        (reply(None, {"finish_reason": 1}), reply(None, {"finish_reason": None})),
        (reply(None, {"finish_reason": "model_length"}), reply(None, {"finish_reason": "length"})),
        (reply(None, {"finish_reason": "SAFETY"}), reply(None, {"finish_reason": "content_filter"})),
        (reply({"tool_calls": [call()]}, {"finish_reason": ""}), reply({"tool_calls": [call()]}, {"finish_reason": None})),
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


@pytest.mark.parametrize("word", ["insufficient_system_resource", "new_word"])
def test_words_that_openai_does_not_know_stay(word: str) -> None:
    data = json.dumps(reply(None, {"finish_reason": word})).encode()
    assert normalize_reply(data) == data


def test_the_end_of_a_host_that_gives_no_reasons() -> None:
    """docs/quirks.md#q96"""
    for message, said in ((None, {}), ({"tool_calls": [call()]}, CALLED)):
        given = json.dumps(reply(message, {"finish_reason": ""})).encode()
        assert json.loads(normalize_reply(given, has_unsaid_end=True)) == reply(message, said)


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
    assert b'"cost":1.10,"seed":[1e400, 12345678901234567890123]' in normalize_reply(data)


def test_halves_of_a_surrogate_pair_survive() -> None:
    data = json.dumps(reply({"content": "\ud83d", "refusal": ...}, id="\udc00", cost=0.5)).encode()
    assert json.loads(normalize_reply(data)) == reply({"content": "\ud83d"}, id="\udc00", cost=0.5)


def test_what_can_not_be_written_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack that is nearly full may take the reading of a value and not its writing, some calls deeper."""
    for module in (openai_normalize, openai_normalize_stream):
        monkeypatch.setattr(module, "written", lambda value: None)
    data = json.dumps(reply({"refusal": ..., "tool_calls": [call(function={"arguments": {}})]})).encode()
    assert normalize_reply(data) == data
    stream = sse(chunk(choices=[], object="", id=""), ROLE, chunk({}, ...), chunk(choices=[], usage=USAGE)) + DONE
    assert mend(stream) == stream


WHOLE = reply({"content": [THINKING], "tool_calls": [call(index=0)]}, {"logprobs": {"content": []}}, usage={**USAGE, "prompt_tokens_details": {"cached_tokens": 1}})  # fmt: skip


@settings(max_examples=300)
@given(st.sampled_from(list(paths(WHOLE))), JSON)
def test_any_member_of_a_reply(path: tuple[Any, ...], value: Any) -> None:
    found = normalize_reply(json.dumps(replaced(WHOLE, path, value)).encode())
    assert normalize_reply(found) == found
