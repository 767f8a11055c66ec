"""Every recording of Cohere and Ollama through its own door, byte for byte; every recording of any wire, told to callers
of both: whole, streamed, and sent back in a conversation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import wires
from own_wires import COHERE, GENERATE, HI, OLLAMA, asked, caption
from penstock.core.chat import ToolCall
from penstock.core.events import Event, Fail, Media, Refusal, Stop, Text, Thinking, ToolStart, collect
from penstock.dialects.caller import CallerDialect
from penstock.dialects.dialect import WriteContext
from penstock.dialects.registry import DIALECTS
from penstock.traits.resolve import resolve
from replaying import in_every_cut, load, recordings
from running import RunningGateway, needs_recordings

pytestmark = needs_recordings

OWN = [*recordings("cohere.chat"), *recordings("ollama.chat_native")]
PATHS = [
    *(path for path in wires.paths() if wires.is_good(wires.load(path))),
    *(path for path in recordings("openai.chat") if wires.is_good(load(path))),
]
EACH = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
TO = pytest.mark.parametrize("dialect", [OLLAMA, GENERATE, COHERE], ids=lambda dialect: dialect.name)
DOORS = {"cohere.chat": ("/v2/chat", "cohere"), "ollama.chat_native": ("/api/chat", "ollama")}


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
async def test_replayed_byte_for_byte(path: Path, gateway: RunningGateway, replay: str) -> None:
    recording = load(path)
    response = recording["response"]
    door, slug = DOORS[recording["api"]]
    headers = {"x-portkey-provider": slug, "authorization": "Bearer test"}
    replies, seen = await in_every_cut(gateway.url + door, recording, replay, headers)
    body = str(response["body_text"]).encode("utf-8", "surrogatepass")
    for reply in replies:
        assert reply.status_code == response["status"], reply.text
        assert reply.content == body
    for received in seen:
        assert received["body"] == recording["request"]["body"]


def events(path: Path) -> list[Event]:
    """What the provider's dialect reads of a recording."""
    recording = load(path)
    dialect = DIALECTS[wires.WIRES.get(recording["wire"], "openai_chat")]
    provider = wires.PROVIDERS.get(recording["api"], recording["api"])
    traits = resolve(recording["model"], provider)
    context = WriteContext(recording["model"], provider, traits, {}, wires.VARIANTS.get(recording["api"], ""))
    body = wires.body(recording)
    if wires.is_stream(recording):
        reader = dialect.reader(context)
        found = [*reader.feed(body), *reader.finish()]
    else:
        found = dialect.read_reply(body, context)
    if any(isinstance(event, Fail) for event in found):
        pytest.skip("ends in an error")
    return found


def told(dialect: CallerDialect, found: list[Event]) -> dict[str, Any]:
    reply = dialect.writing.reply(collect(found), caption())
    assert isinstance(reply, bytes), reply
    value: dict[str, Any] = json.loads(reply)
    return value


def streamed(dialect: CallerDialect, found: list[Event]) -> dict[str, Any]:
    """The stream, told event by event and put together again."""
    writer = dialect.writing.stream(caption())
    sent = b"".join([writer.write([event]) for event in found]) + writer.finish()
    assert writer.failed is None, writer.failed
    assert dialect.replies.stream.ending(sent)[0] or '"ERROR"' in sent.decode()
    plain = dialect.replies.reshape.to_plain(sent)
    assert plain is not None
    value: dict[str, Any] = json.loads(plain)
    return value


def text_of(reply: dict[str, Any]) -> str:
    message = reply.get("message", {})
    content = message.get("content", "")
    text = content if isinstance(content, str) else "".join(block.get("text", "") for block in content)
    return str(message.get("tool_plan", "") + text + reply.get("response", ""))


def thought_of(reply: dict[str, Any]) -> str:
    message = reply.get("message", {})
    content = message.get("content")
    blocks = content if isinstance(content, list) else [message]
    return str("".join(block.get("thinking", "") for block in blocks) + reply.get("thinking", ""))


def calls_of(reply: dict[str, Any]) -> list[tuple[str, Any]]:
    calls = [call["function"] for call in reply.get("message", {}).get("tool_calls", [])]
    given = [(call["name"], call["arguments"]) for call in calls]
    return [(name, json.loads(each) if isinstance(each, str) else each) for name, each in given]


@EACH
@TO
def test_it_says_what_the_recording_says(path: Path, dialect: CallerDialect) -> None:
    found = events(path)
    first = [event for event in found if getattr(event, "choice", 0) == 0]
    whole, stream = told(dialect, found), streamed(dialect, found)
    text = "".join(event.text for event in first if isinstance(event, Text | Refusal))
    thought = "".join(event.text for event in first if isinstance(event, Thinking))
    names = [event.name for event in first if isinstance(event, ToolStart)] if dialect is not GENERATE else []
    has_pictures = any(isinstance(event, Media) for event in first)
    for reply in (whole, stream):
        # Clients of Ollama can't read a picture in an answer: it is told in words.
        assert sorted(text_of(reply)) == sorted(text) or (has_pictures and dialect in (OLLAMA, GENERATE))
        assert thought_of(reply) == thought
        assert [name for name, _ in calls_of(reply)] == names
    assert calls_of(whole) == calls_of(stream)
    if load(path)["wire"] in wires.WIRES and dialect is not GENERATE:
        assert calls_of(whole) == wires.said(load(path)).calls
    usage, stop = collect(found).usage, next((event for event in reversed(first) if isinstance(event, Stop)), None)
    if usage is not None and usage.prompt is not None:
        counts = whole.get("usage", {}).get("tokens", {})
        assert usage.prompt == counts.get("input_tokens", whole.get("prompt_eval_count"))
        assert usage.completion == counts.get("output_tokens", whole.get("eval_count"))
    if stop is not None and stop.reason == "length":
        assert whole.get("done_reason") == "length" or whole.get("finish_reason") == "MAX_TOKENS"


@EACH
@pytest.mark.parametrize("dialect", [OLLAMA, COHERE], ids=lambda dialect: dialect.name)
def test_it_can_be_sent_back(path: Path, dialect: CallerDialect) -> None:
    """A client appends the whole message: the same calls are read again."""
    reply = told(dialect, events(path))
    message = asked(dialect, messages=[HI, reply["message"]]).messages[-1]
    back = [(part.name, json.loads(part.arguments or "{}")) for part in message.parts if isinstance(part, ToolCall)]
    assert back == calls_of(reply)
    assert message.text.replace("\n", "") == text_of(reply).replace("\n", "")
