"""The quirks of docs/quirks.md, by their numbers: each has a test here, or the reason why not.

What is said of a quirk is checked on the recordings that show it, in process; that the gateway does
the same on a socket is for test_translated_wires.py and test_openai_wire.py to show.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

import wires
from normalizing import mend
from penstock.core.events import ChatReply, Citation, Fail, collect
from penstock.core.outcome import ErrorClass
from penstock.core.usage import Usage
from penstock.dialects.anthropic.provider.messages import tool_id
from penstock.dialects.caller import Caption
from penstock.dialects.dialect import WriteContext
from penstock.dialects.framing import sse
from penstock.dialects.openai.caller.chunks import ChunkWriter
from penstock.dialects.openai.caller.completion import completion
from penstock.dialects.openai.caller.errors import translated_error
from penstock.dialects.openai.relay import chat_body as openai_body
from penstock.dialects.openai.relay.normalize import normalize_reply
from penstock.dialects.openai.relay.stream import STREAM, ending
from penstock.dialects.provider_errors import read_error
from penstock.dialects.registry import DIALECTS
from penstock.dialects.stream_watch import StreamWatch
from penstock.traits.resolve import resolve
from running import RECORDINGS, needs_recordings

pytestmark = needs_recordings

CAPTION = Caption("unit", 1700000000, "a-model", "unit")
_NO_SURFACE: Final = "no endpoint of the gateway takes part in this yet"
NOT_APPLICABLE: Final[dict[int, str]] = {
    **dict.fromkeys(range(12, 21), f"the Responses API: {_NO_SURFACE}"),
    **dict.fromkeys(range(120, 126), f"embeddings: {_NO_SURFACE}"),
}


@functools.cache
def recording(name: str) -> dict[str, Any]:
    (path,) = RECORDINGS.glob(f"*/{name}.json")
    return wires.load(path)


def raw(name: str) -> bytes:
    return wires.body(recording(name))


def context(name: str) -> WriteContext:
    found = recording(name)
    provider = wires.PROVIDERS[found["api"]]
    return WriteContext(
        found["model"], provider, resolve(found["model"], provider), {}, wires.VARIANTS.get(found["api"], "")
    )


def events(name: str) -> list[Any]:
    found = recording(name)
    dialect = DIALECTS[wires.WIRES[found["wire"]]]
    if not wires.is_stream(found):
        return dialect.read_reply(raw(name), context(name))
    reader = dialect.reader(context(name))
    said = reader.feed(raw(name))
    return said if said and isinstance(said[-1], Fail) else [*said, *reader.finish()]


def reply(name: str) -> ChatReply:
    return collect(events(name))


def answer(name: str, *, strict: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(completion(reply(name), msgspec.structs.replace(CAPTION, strict=strict)))
    return found


def choice(name: str, *, strict: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = answer(name, strict=strict)["choices"][0]
    return found


def message(name: str, *, strict: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = choice(name, strict=strict)["message"]
    return found


def tokens(name: str) -> Usage:
    found = reply(name).usage
    assert found is not None
    return found


def chunks(name: str, *, include_usage: bool = False) -> list[dict[str, Any]]:
    writer = ChunkWriter(msgspec.structs.replace(CAPTION, include_usage=include_usage))
    sent = writer.write(events(name)) + writer.finish()
    return [json.loads(event[6:]) for event in sent.split(b"\n\n") if event.startswith(b"data: {")]


def relayed(name: str) -> tuple[StreamWatch, bytes]:
    """Lane 1: what is passed on of a stream, and what was seen in it."""
    watch = StreamWatch(STREAM)
    passed = watch.feed(raw(name))
    return watch, passed + watch.finish()


def error(name: str) -> dict[str, Any]:
    """A provider's error in OpenAI's words."""
    found = recording(name)
    headers = [(key.encode(), value.encode()) for key, value in found["response"]["headers"].items()]
    told: dict[str, Any] = json.loads(translated_error(found["response"]["status"], headers, raw(name), "unit"))
    return {**told["error"], "raw": told["provider_response"]}


Check = Callable[[], None]
CHECKS: dict[int, Check] = {}


def quirk(*numbers: int) -> Callable[[Check], Check]:
    def note(check: Check) -> Check:
        for number in numbers:
            assert number not in CHECKS
            CHECKS[number] = check
        return check

    return note


# OpenAI's own: relayed byte for byte, and understood as far as the gateway looks.


@quirk(1, 2, 3, 11)
def _() -> None:
    scan, passed = relayed("openai-chat-s-c603e9b538")
    assert passed == raw("openai-chat-s-c603e9b538")
    finished, usage = ending(passed)
    assert finished
    assert usage is not None
    assert usage.completion is not None
    assert scan.error is None
    assert b'"usage":null' in passed.split(b"\n\n")[0]


@quirk(4)
def _() -> None:
    scan, passed = relayed("openai-chat-s-721cc963d1")
    assert (passed, scan.skipped, scan.error) == (raw("openai-chat-s-721cc963d1"), 0, None)


@quirk(5, 6, 7, 8, 9, 10)
def _() -> None:
    for name in (
        "openai-chat-n-bd2c38d657", "openai-chat-n-0dc62983f4", "openai-chat-n-ce1d0db7ce", "openai-chat-n-15c1a95ae7",
        "openai-chat-n-bad1db41b1",
    ):  # fmt: skip
        usage = openai_body.read_reply(raw(name))
        assert isinstance(usage, Usage), "relayed as it is; test_openai_wire.py compares the bytes"
    usage = ending(raw("openai-chat-s-231d871273"))[1]
    assert usage is not None
    assert usage.reasoning is not None
    assert usage.completion is not None
    assert usage.reasoning <= usage.completion


# Anthropic Messages.


@quirk(21)
def _() -> None:
    assert tokens("anthropic-messages-s-1455ed5cad").prompt == 2411


@quirk(22, 25, 26, 35)
def _() -> None:
    assert tokens("anthropic-messages-s-28453fb1fa").prompt == 506
    calls = [
        call
        for chunk in chunks("anthropic-messages-s-28453fb1fa")
        for c in chunk["choices"]
        for call in c["delta"].get("tool_calls", [])
    ]
    assert {call["index"] for call in calls} == {0, 1}
    for call in message("anthropic-messages-s-28453fb1fa")["tool_calls"]:
        assert isinstance(json.loads(call["function"]["arguments"]), dict)
    several = message("anthropic-messages-n-d810161728")
    assert len(several["tool_calls"]) == 3
    said = message("anthropic-messages-s-28453fb1fa")
    assert said["content"]
    assert len(said["tool_calls"]) == 2


@quirk(23, 24)
def _() -> None:
    found = reply("anthropic-messages-s-bc2fdf031d")
    assert found.failure is not None
    assert (found.failure.type, found.failure.status, found.failure.broken) == ("overloaded_error", 529, False)
    assert len(found.choices[0].blocks) == 1


@quirk(27)
def _() -> None:
    details = message("anthropic-messages-s-6f4f812071")["reasoning_details"]
    assert [detail["type"] for detail in details] == ["reasoning.encrypted"] * 2
    assert all(detail["data"] for detail in details)


@quirk(28)
def _() -> None:
    detail, *_ = message("anthropic-messages-s-1455ed5cad")["reasoning_details"]
    assert (detail["text"], bool(detail["signature"])) == ("", True)


@quirk(29)
def _() -> None:
    found = answer("anthropic-messages-n-28dc355ec6", strict=False)
    assert found["choices"][0]["message"]["content"] == ""
    assert found["choices"][0]["stop_sequence"]
    assert choice("anthropic-messages-n-28dc355ec6")["finish_reason"] == "stop"


@quirk(30)
def _() -> None:
    assert "tool_calls" not in message("anthropic-messages-s-c638cc9595")
    assert choice("anthropic-messages-s-c638cc9595")["finish_reason"] == "stop"
    kinds = [block["type"] for block in message("anthropic-messages-s-c638cc9595", strict=False)["content_blocks"]]
    assert kinds == ["thinking", "mcp_tool_use", "mcp_tool_result", "text"]


@quirk(31)
def _() -> None:
    assert choice("anthropic-messages-s-d7294d481d")["finish_reason"] == "stop"
    assert choice("anthropic-messages-s-d7294d481d", strict=False)["finish_reason"] == "pause_turn"


@quirk(32)
def _() -> None:
    assert tokens("anthropic-messages-s-383b7fdc5e").prompt == 100 + 55_096 + 181
    assert message("anthropic-messages-s-383b7fdc5e", strict=False)["content_blocks"][0]["type"] == "compaction"
    assert "iterations" in tokens("anthropic-messages-s-383b7fdc5e").native


@quirk(33)
def _() -> None:
    name = "anthropic-messages-s-14b5fe472b"
    assert message(name)["content"] == wires.said(recording(name)).text
    assert any(block.get("citations") for block in message(name, strict=False)["content_blocks"])


@quirk(34)
def _() -> None:
    found = tokens("anthropic-messages-s-4106d56eb9")
    assert (found.prompt, found.cache_written) == (1169, 1165)


@quirk(36)
def _() -> None:
    assert (
        message("anthropic-messages-n-0c7bb267a0")["content"]
        == wires.said(recording("anthropic-messages-n-0c7bb267a0")).text
    )


# Gemini and Vertex AI.


@quirk(37)
def _() -> None:
    for name in ("gemini-generate-s-b88e31fe78", "vertex-generate-s-8b170b4da5"):
        assert b"\r\n\r\n" in raw(name)
        assert choice(name)["finish_reason"] in {"stop", "tool_calls"}


@quirk(38, 52)
def _() -> None:
    for name in (
        "gemini-generate-n-b63569d42f", "gemini-generate-s-b88e31fe78", "gemini-generate-s-ad0bc6f1f5",
        "vertex-generate-s-b2c4e9daba",
    ):  # fmt: skip
        assert choice(name)["finish_reason"] == "tool_calls"
        assert choice(name, strict=False)["finish_reason"] == "STOP"
        for call in message(name)["tool_calls"]:
            assert isinstance(json.loads(call["function"]["arguments"]), dict)


@quirk(39, 40)
def _() -> None:
    calls = message("gemini-generate-n-b63569d42f")["tool_calls"]
    assert len({call["id"] for call in calls}) == 3
    assert all(call["id"] for call in calls)
    assert ["extra_content" in call for call in calls] == [True, False, False]


@quirk(41)
def _() -> None:
    assert (
        message("gemini-generate-s-8719266341")["content"] == wires.said(recording("gemini-generate-s-8719266341")).text
    )
    assert "tool_calls" not in message("gemini-generate-s-8719266341")


@quirk(42)
def _() -> None:
    assert (
        choice("gemini-generate-n-56cf9e4bd2")["finish_reason"],
        message("gemini-generate-n-56cf9e4bd2")["content"],
    ) == ("length", "")
    found = tokens("gemini-generate-n-56cf9e4bd2")
    assert found.completion == found.reasoning


@quirk(43)
def _() -> None:
    assert (
        choice("gemini-generate-n-7fcf6fd7ed")["finish_reason"],
        message("gemini-generate-n-7fcf6fd7ed")["content"],
    ) == ("content_filter", "")


@quirk(44)
def _() -> None:
    assert (
        choice("vertex-generate-n-cd154cb286")["finish_reason"],
        message("vertex-generate-n-cd154cb286")["content"],
    ) == ("content_filter", "")
    assert answer("vertex-generate-n-cd154cb286", strict=False)["promptFeedback"]


@quirk(45)
def _() -> None:
    assert choice("vertex-generate-n-1ee0649701")["finish_reason"] == "content_filter"
    assert tokens("vertex-generate-n-1ee0649701").completion


@quirk(46)
def _() -> None:
    failure = reply("vertex-generate-n-18e6b88825").failure
    assert failure is not None
    assert failure.type == "UNEXPECTED_TOOL_CALL"


@quirk(47, 48)
def _() -> None:
    for name in ("gemini-generate-s-5eeb774662", "gemini-generate-n-2219839506", "gemini-generate-s-8719266341"):
        found = tokens(name)
        assert found.prompt is not None
        assert found.completion is not None
        assert found.total == found.prompt + found.completion
        assert found.reasoning is not None
        assert 0 < found.reasoning <= found.completion


@quirk(49, 51)
def _() -> None:
    name = "gemini-generate-s-98e36f7a21"
    assert message(name)["content"] == wires.said(recording(name)).text
    counts = re.findall(rb'"totalTokenCount": ?(\d+)', raw(name))
    assert tokens(name).total == int(counts[-1])
    assert len([chunk for chunk in chunks(name) if chunk["choices"][0]["finish_reason"]]) == 1


@quirk(50)
def _() -> None:
    assert tokens("vertex-generate-s-8b170b4da5").prompt
    assert len([event for event in events("vertex-generate-s-8b170b4da5") if isinstance(event, Usage)]) == 1


@quirk(53)
def _() -> None:
    assert message("gemini-generate-n-9f62300664")["audio"]["data"]
    assert message("gemini-generate-n-9f62300664")["content"] is None


@quirk(54)
def _() -> None:
    """Schemas are cleaned: unit/dialects/gemini/provider/test_schema.py; the error is told with what the provider said of the fields."""
    assert error("gemini-generate-n-658e78527e")["type"] == "INVALID_ARGUMENT"
    assert "details" in error("gemini-generate-n-658e78527e")["raw"]["error"]


@quirk(55)
def _() -> None:
    trouble = read_error(429, raw("gemini-generate-n-26067dee61"))
    assert trouble.retry_after
    told = translated_error(429, [], raw("gemini-generate-n-26067dee61"), "google")
    assert read_error(429, told).retry_after == trouble.retry_after, "also after translation, where routing looks"


# Bedrock Converse.


@quirk(56)
def _() -> None:
    for name in ("bedrock-converse-s-3f243f952c", "bedrock-converse-s-aa4b0fc032"):
        assert message(name)["content"] == wires.said(recording(name)).text


@quirk(57, 58)
def _() -> None:
    assert tokens("bedrock-converse-s-3f243f952c").total == 228
    assert b'"p":' in raw("bedrock-converse-s-3f243f952c")
    last = chunks("bedrock-converse-s-3f243f952c")[-1]
    assert last["usage"]["total_tokens"] == 228
    assert "abcdef" not in json.dumps(chunks("bedrock-converse-s-3f243f952c"))


@quirk(59)
def _() -> None:
    assert [call["function"]["name"] for call in message("bedrock-converse-s-57f0f009ec")["tool_calls"]] == [
        "final_result"
    ]


@quirk(60)
def _() -> None:
    details = message("bedrock-converse-s-aa4b0fc032")["reasoning_details"]
    assert all(detail["data"] and detail["type"] == "reasoning.encrypted" for detail in details)


@quirk(61)
def _() -> None:
    (call,) = message("bedrock-converse-n-d7e076de2e")["tool_calls"]
    assert call["id"] == "functions.get_temperature:0"
    assert "reasoning_details" not in message("bedrock-converse-n-d7e076de2e")
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", tool_id(call["id"]))


@quirk(62)
def _() -> None:
    """Literal tags are the model's text: they stay what they are."""
    assert "<thinking>" in message("bedrock-converse-n-3342ac4eb5")["content"]


@quirk(63)
def _() -> None:
    for name in ("bedrock-converse-n-846ca5cb56", "bedrock-converse-s-63fac934fc"):
        assert choice(name)["finish_reason"] == "content_filter"
        assert message(name)["content"]
        assert answer(name, strict=False)["trace"]


@quirk(64)
def _() -> None:
    found = tokens("bedrock-converse-n-3ade3ed6dc")
    assert (found.prompt, found.cached, found.cache_written, found.total) == (1951, 1712, 236, 2072)


@quirk(65)
def _() -> None:
    name = "bedrock-converse-s-18ccac085d"
    assert message(name)["content"] == wires.said(recording(name)).text
    assert any(isinstance(event, Citation) for event in events(name))


@quirk(66)
def _() -> None:
    assert error("bedrock-converse-n-b8ceb73dc9")["type"] == "ThrottlingException"
    assert error("bedrock-converse-n-537073f0df")["message"].startswith("unit error: ")


# Cohere and Ollama.


@quirk(67, 68, 69)
def _() -> None:
    found = message("cohere-chat-n-81df28b867")
    assert found["content"] == wires.said(recording("cohere-chat-n-81df28b867")).text
    assert choice("cohere-chat-n-81df28b867")["finish_reason"] == "tool_calls"
    assert all(re.match(r"dice_roll_", call["id"]) for call in found["tool_calls"])
    assert tokens("cohere-chat-s-92e49a7b1a").prompt == 1508


@quirk(70)
def _() -> None:
    assert [call["function"]["name"] for call in message("cohere-chat-s-577db17590")["tool_calls"]] == [
        "get_time",
        "get_weather",
    ]


@quirk(71)
def _() -> None:
    found = message("cohere-chat-s-d6afaa4a82", strict=False)
    assert found["reasoning_content"]
    blocks = found["content_blocks"]
    assert [block["type"] for block in blocks] == ["thinking", "text"]
    assert blocks[1]["citations"]


@quirk(72)
def _() -> None:
    assert error("cohere-chat-n-fc3a194982")["message"].startswith("unit error: too many tokens")
    assert read_error(400, raw("cohere-chat-n-fc3a194982")).error is ErrorClass.CONTEXT_LENGTH


@quirk(99)
def _() -> None:
    (call,) = message("ollama-chat-native-s-40b6b536a5")["tool_calls"]
    assert isinstance(json.loads(call["function"]["arguments"]), dict)
    assert call["id"]
    assert choice("ollama-chat-native-s-40b6b536a5")["finish_reason"] == "tool_calls"
    assert tokens("ollama-chat-native-s-40b6b536a5").prompt == 297


# Errors and headers.


@quirk(106)
def _() -> None:
    assert error("anthropic-messages-n-b6bccbcc3b")["type"] == "overloaded_error"
    assert read_error(529, raw("anthropic-messages-n-b6bccbcc3b")).error is ErrorClass.SERVER_ERROR


@quirk(107)
def _() -> None:
    told = json.dumps(error("anthropic-messages-n-3de3a340c2"))
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", told)
    assert read_error(429, raw("anthropic-messages-n-3de3a340c2")).error is ErrorClass.RATE_LIMIT


@quirk(108, 109)
def _() -> None:
    """Whether a 429 is tried again is the config's choice; what is asked for is told apart, the body is passed on."""
    assert read_error(429, raw("openai-chat-n-2f2d4fc944")).error is ErrorClass.RATE_LIMIT
    assert read_error(429, raw("openai-chat-s-c215b076ab")).error is ErrorClass.QUOTA
    assert read_error(429, raw("openai-chat-n-2f2d4fc944")).retry_after is None


@quirk(110, 111)
def _() -> None:
    assert read_error(400, raw("xai-chat-n-003a66f94b")).status == 400
    assert error("xai-chat-n-003a66f94b")["message"].startswith("unit error: ")
    assert read_error(503, raw("xai-chat-n-d618ccc2b5")).error is ErrorClass.SERVER_ERROR


@quirk(112)
def _() -> None:
    assert read_error(403, raw("openrouter-chat-n-2d3f0a233c")).status == 403
    assert read_error(429, raw("openrouter-chat-n-4f56ab046d")).error is ErrorClass.RATE_LIMIT


@quirk(113, 114, 115, 116, 117, 118)
def _() -> None:
    for name in (
        "deepseek-chat-n-e3aa0f4806", "azure-chat-n-111d502809", "huggingface-chat-s-42ca5841af",
        "perplexity-chat-n-07e40e04ba", "azure-chat-n-976f31c0ab", "huggingface-chat-s-e7485b7a7c",
        "cerebras-chat-s-f4b80ffea9",
    ):  # fmt: skip
        status = recording(name)["response"]["status"]
        assert read_error(status, raw(name)).status == status
        assert error(name)["message"]
    assert read_error(401, raw("cerebras-chat-s-f4b80ffea9")).error is ErrorClass.AUTH
    assert read_error(408, raw("azure-chat-n-111d502809")).error is ErrorClass.TIMEOUT


@quirk(119)
def _() -> None:
    assert not resolve("o1-mini", "openai").system_role


# OpenAI-compatible providers: their traffic passes as it is, or is mended where clients stumble.


def normalized(name: str) -> bytes:
    has_unsaid_end = "snowflake" in name or "cortex" in name
    if recording(name)["response"]["kind"] != "sse":
        return normalize_reply(raw(name), has_unsaid_end=has_unsaid_end)
    return mend(raw(name), has_unsaid_end=has_unsaid_end)


def normalized_message(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(normalized(name))["choices"][0]["message"]
    return found


def normalized_chunks(name: str) -> list[dict[str, Any]]:
    return [json.loads(data) for _, data in sse.events(normalized(name)) if data.startswith(b"{")]


def normalized_choices(name: str) -> list[dict[str, Any]]:
    return [choice for chunk in normalized_chunks(name) for choice in chunk["choices"]]


def normalized_calls(name: str) -> list[dict[str, Any]]:
    return [call for choice in normalized_choices(name) for call in choice["delta"].get("tool_calls") or []]


@quirk(73)
def _() -> None:
    said = normalized_message("mistral-chat-n-54279aab25")
    assert isinstance(said["content"], str)
    assert said["reasoning_content"]
    deltas = [choice["delta"] for choice in normalized_choices("mistral-chat-s-5b9c744e6e")]
    assert all(isinstance(delta.get("content"), str | None) for delta in deltas)
    assert any(delta.get("reasoning_content") for delta in deltas)


@quirk(74, 76)
def _() -> None:
    (call,) = normalized_calls("mistral-chat-s-23ffae48d3")
    assert json.loads(call["function"]["arguments"]) is not None
    finished, usage = ending(normalized("mistral-chat-s-23ffae48d3"))
    assert finished
    assert usage is not None
    assert b'"p":' in normalized("mistral-chat-s-23ffae48d3"), "padding is the provider's to send"


@quirk(75)
def _() -> None:
    """And ids of other makers are put as Mistral takes them: unit/dialects/openai/relay/test_mistral.py."""
    assert all(call["type"] == "function" for call in normalized_calls("mistral-chat-s-dc9fdbf5d1"))


@quirk(77)
def _() -> None:
    for name in ("mistral-chat-n-011d07546a", "mistral-chat-n-1c99e21c13", "mistral-chat-s-c503e7361a"):
        assert error(name)["message"]
    assert read_error(401, raw("mistral-chat-s-c503e7361a")).error is ErrorClass.AUTH


@quirk(78)
def _() -> None:
    """What is counted and charged has the reasoning in the completion, which xAI's total alone has."""
    usage = openai_body.read_reply(raw("xai-chat-n-8ce23b6948"))
    assert isinstance(usage, Usage)
    assert (usage.prompt, usage.completion, usage.total, usage.reasoning) == (192, 231, 423, 222)


@quirk(79)
def _() -> None:
    assert json.loads(normalized_calls("xai-chat-s-1df04b85e8")[0]["function"]["arguments"])


@quirk(80, 81)
def _() -> None:
    assert normalized("deepseek-chat-s-1ddf5d25fa") == raw("deepseek-chat-s-1ddf5d25fa")
    for name in ("deepseek-chat-s-1ddf5d25fa", "groq-chat-s-e5e40b318f"):
        finished, usage = ending(normalized(name))
        assert finished
        assert usage is not None
        assert usage.total


@quirk(84)
def _() -> None:
    for name in ("groq-chat-n-b7afafd1bd", "cerebras-chat-n-570c4f6db4"):
        assert "content" not in json.loads(raw(name))["choices"][0]["message"]
        assert normalized_message(name)["content"] is None


@quirk(85)
def _() -> None:
    assert len({chunk["id"] for chunk in normalized_chunks("groq-chat-s-327320fc07")}) == 1


@quirk(87)
def _() -> None:
    reasons = [choice["finish_reason"] for choice in normalized_choices("openrouter-chat-s-99f6a86446")]
    assert len([reason for reason in reasons if reason]) == 1


@quirk(88)
def _() -> None:
    for name in ("openrouter-chat-n-35b5b32686", "openrouter-chat-n-8a798d3d50"):
        assert [call["function"]["arguments"] for call in normalized_message(name)["tool_calls"]] == ["{}"]


@quirk(90, 91)
def _() -> None:
    for name in ("azure-chat-s-436323224e", "azure-chat-s-7b8940be11"):
        first = normalized_chunks(name)[0]
        assert first["id"]
        assert first["model"]
        assert first["object"] == "chat.completion.chunk"
        assert "prompt_filter_results" in first
    assert all("id" not in call or call["id"] for call in normalized_calls("azure-chat-s-7b8940be11"))


@quirk(92)
def _() -> None:
    assert "index" in normalized_message("azure-chat-n-8f4fff5508")["tool_calls"][0], "an extra member does no harm"


@quirk(93)
def _() -> None:
    name = "perplexity-chat-s-6455afa827"
    assert normalized(name).endswith(b"data: [DONE]\n\n")
    assert {chunk["object"] for chunk in normalized_chunks(name)} == {"chat.completion.chunk"}
    assert any("search_results" in chunk for chunk in normalized_chunks(name))


@quirk(94)
def _() -> None:
    name = "huggingface-chat-s-c1b79fe509"
    assert normalized(name).endswith(b"data: [DONE]\n\n")
    assert normalized_choices(name)[-1]["finish_reason"] == "stop"
    assert "</s>" not in "".join(choice["delta"].get("content") or "" for choice in normalized_choices(name))


@quirk(95)
def _() -> None:
    assert normalized_choices("together-chat-s-759967e612")[-1]["finish_reason"] == "stop"
    assert any("token_id" in choice["delta"] for choice in normalized_choices("together-chat-s-759967e612"))
    assert json.loads(normalized("together-chat-n-fc1499f0fb"))["choices"][0]["finish_reason"] in {"stop", "length"}


@quirk(96)
def _() -> None:
    assert json.loads(normalized("snowflake-chat-n-f202904d45"))["choices"][0]["finish_reason"] in {
        "stop",
        "tool_calls",
    }
    assert "function_call" not in normalized_message("snowflake-chat-n-f202904d45")
    assert [c["finish_reason"] for c in normalized_choices("snowflake-chat-s-8a311c6bdc") if c["finish_reason"]]


@quirk(97)
def _() -> None:
    assert all(type(call["index"]) is int for call in normalized_calls("gpustack-chat-s-5d5ed18345"))
    assert normalized("gpustack-chat-s-5d5ed18345").endswith(b"data: [DONE]\n\n")


@quirk(98)
def _() -> None:
    assert normalized("ollama-chat-s-38056e5718") == raw("ollama-chat-s-38056e5718"), "reasoning keeps its name"


@quirk(100)
def _() -> None:
    (call,) = normalized_message("gemini-chat-n-57ba06c2d5")["tool_calls"]
    assert call["id"]
    assert "thought_signature" in json.dumps(normalized_message("gemini-chat-n-57ba06c2d5"))
    assert normalized_message("gemini-chat-n-57ba06c2d5")["content"] is None


@quirk(101, 102)
def _() -> None:
    for name in ("vllm-chat-s-21cdd57bd7", "novita-chat-s-1f485e69f3", "hyperbolic-chat-s-d3e2b792a0"):
        assert normalized(name) == raw(name)
    usage = ending(normalized("hyperbolic-chat-s-d3e2b792a0"))[1]
    assert usage is not None
    assert usage.total == normalized_chunks("hyperbolic-chat-s-d3e2b792a0")[-1]["usage"]["total_tokens"]


@quirk(103)
def _() -> None:
    """A tag within the text is text: taking it out would be a guess."""
    assert normalized("fireworks-chat-s-4be0d77420") == raw("fireworks-chat-s-4be0d77420")
    assert "<think>" in normalized_message("huggingface-chat-n-8f4b836f46")["content"]


@quirk(104)
def _() -> None:
    for name in ("sambanova-chat-s-6fc1cd0f7c", "zai-chat-s-f437e82950", "together-chat-s-759967e612"):
        assert len([choice for choice in normalized_choices(name) if "role" in choice["delta"]]) == 1


@quirk(105)
def _() -> None:
    assert all("finish_reason" in choice for choice in normalized_choices("cerebras-chat-s-adebc2d4f6"))
    assert any("time_info" in chunk for chunk in normalized_chunks("cerebras-chat-s-adebc2d4f6"))


@quirk(82)
def _() -> None:
    scan, passed = relayed("groq-chat-s-c7360e9e81")
    assert passed == raw("groq-chat-s-c7360e9e81")
    assert scan.error is not None
    assert scan.error.status == 400


@quirk(83)
def _() -> None:
    assert read_error(400, raw("groq-chat-n-e7fd7f8f1a")).status == 400


@quirk(86)
def _() -> None:
    scan = StreamWatch(STREAM)
    assert scan.feed(b": OPENROUTER PROCESSING\n\n", weigh=True) == b": OPENROUTER PROCESSING\n\n"
    assert scan.content == 0
    assert relayed("openrouter-chat-s-99f6a86446")[1] == raw("openrouter-chat-s-99f6a86446")


@quirk(89)
def _() -> None:
    scan, passed = relayed("openrouter-chat-s-6a814a5ef3")
    assert passed == raw("openrouter-chat-s-6a814a5ef3")
    assert scan.error is not None


@pytest.mark.parametrize("number", sorted(CHECKS))
def test_quirk(number: int) -> None:
    CHECKS[number]()


def test_every_quirk_has_a_test_or_a_reason() -> None:
    listed = {int(found) for found in re.findall(r"^(\d+)\. ", (RECORDINGS / "README.md").read_text(), re.MULTILINE)}
    assert listed == CHECKS.keys() | NOT_APPLICABLE.keys()
    page = (Path(__file__).parents[2] / "docs" / "quirks.md").read_text("utf-8")
    assert listed == {int(found) for found in re.findall(r'id="q(\d+)"', page)}
    assert not CHECKS.keys() & NOT_APPLICABLE.keys()
