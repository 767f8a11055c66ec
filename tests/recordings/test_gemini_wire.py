"""Every recording of Gemini through its own door, byte for byte; every recording of another wire, told to a caller of
Gemini: whole, streamed, and sent back in a conversation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

import wires
from gemini_caller import asked, parts
from penstock.core.chat import Message, Owner, ReasoningPart, ToolCall
from penstock.core.events import Event, Fail, Refusal, Stop, Text, Thinking, ToolStart, collect
from penstock.dialects.caller import Caption
from penstock.dialects.dialect import WriteContext
from penstock.dialects.gemini.caller.members import finish_reason
from penstock.dialects.gemini.caller.reply import write_reply
from penstock.dialects.gemini.caller.stream import ResponseWriter
from penstock.dialects.gemini.relay.reshape import to_plain
from penstock.dialects.gemini.relay.stream import GRAMMAR
from penstock.dialects.registry import DIALECTS
from penstock.traits.resolve import resolve
from replaying import in_every_cut, load, recordings
from running import RunningGateway, needs_recordings

pytestmark = needs_recordings

CAPTION = Caption("5eed", 1700000000, "a-model", "unit")
OWN = [path for path in recordings("gemini.generate") if load(path)["api"] == "gemini.generate"]
OTHERS = [
    *(path for path in wires.paths() if wires.is_good(wires.load(path))),
    *(path for path in recordings("openai.chat") if wires.is_good(load(path))),
]


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
async def test_replayed_byte_for_byte(path: Path, gateway: RunningGateway, replay: str) -> None:
    recording = load(path)
    response = recording["response"]
    streams = recording["stream"]
    verb = "streamGenerateContent?alt=sse" if streams else "generateContent"
    url = f"{gateway.url}/v1beta/models/{recording['model']}:{verb}"
    headers = {"x-portkey-provider": "google", "x-goog-api-key": "test"}
    replies, seen = await in_every_cut(url, recording, replay, headers)
    body = str(response["body_text"]).encode("utf-8", "surrogatepass")
    for reply in replies:
        assert reply.status_code == response["status"], reply.text
        assert reply.content == body
    for received in seen:
        # The address names the model, so that a body needn't.
        assert received["body"] == {
            name: value for name, value in recording["request"]["body"].items() if name != "model"
        }


# Another maker's answer, told to a caller of Gemini.


def events(recording: dict[str, Any]) -> list[Event]:
    """What the provider's dialect reads of a recording; none for one that ends in an error."""
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


def told(found: list[Event]) -> dict[str, Any]:
    written = write_reply(collect(found), CAPTION)
    assert isinstance(written, bytes), written
    value: dict[str, Any] = json.loads(written)
    return value


def joined(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Parts whose neighbouring text is one, as clients join it."""
    found: list[dict[str, Any]] = []
    for part in given:
        if found and set(part) == set(found[-1]) and set(part) <= {"text", "thought"}:
            found[-1] = {**found[-1], "text": found[-1]["text"] + part["text"]}
        else:
            found.append(part)
    return found


every_other = pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)


class _Part(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: dict[str, Any] | None = None
    inline_data: dict[str, Any] | None = None
    file_data: dict[str, Any] | None = None
    executable_code: dict[str, Any] | None = None
    code_execution_result: dict[str, Any] | None = None


class _Content(msgspec.Struct, forbid_unknown_fields=True):
    role: str
    parts: list[_Part] = []


class _Candidate(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    index: int
    content: _Content
    finish_reason: str | None = None
    grounding_metadata: dict[str, Any] | None = None
    logprobs_result: dict[str, Any] | None = None


class _Response(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    candidates: list[_Candidate]
    model_version: str
    response_id: str
    usage_metadata: dict[str, int] | None = None


@every_other
def test_it_says_what_the_recording_says(path: Path) -> None:
    recording = load(path)
    found = events(recording)
    whole = told(found)
    msgspec.convert(whole, _Response)
    first = whole["candidates"][0]
    text = "".join(part["text"] for part in parts(whole) if "text" in part and "thought" not in part)
    assert text == "".join(each.text for each in found if isinstance(each, Text | Refusal) and each.choice == 0)
    calls = [part["functionCall"] for part in parts(whole) if "functionCall" in part]
    starts = [event for event in found if isinstance(event, ToolStart) and event.choice == 0]
    assert [call["name"] for call in calls] == [start.name for start in starts]
    stop = next((event for event in reversed(found) if isinstance(event, Stop) and event.choice == 0), None)
    assert first["finishReason"] == finish_reason(stop)
    if recording["wire"] in wires.WIRES:
        said = wires.said(recording)
        assert (text, [(call["name"], call["args"]) for call in calls]) == (said.text, said.calls)
    usage = collect(found).usage
    if usage is not None and usage.prompt is not None:
        counted = whole["usageMetadata"]
        assert counted["promptTokenCount"] + counted.get("toolUsePromptTokenCount", 0) == usage.prompt
        assert counted["candidatesTokenCount"] + counted.get("thoughtsTokenCount", 0) == usage.completion


@every_other
def test_its_stream_says_the_same(path: Path) -> None:
    found = events(load(path))
    whole, writer = told(found), ResponseWriter(CAPTION)
    sent = b"".join(writer.write([event]) for event in found) + writer.finish()
    assert writer.failed is None, writer.failed
    assert GRAMMAR.ending(sent)[0]
    plain = to_plain(sent)
    assert plain is not None
    stream = json.loads(plain)
    for one, other in zip(whole["candidates"], stream["candidates"], strict=True):
        for candidate in (one, other):
            candidate["content"]["parts"] = joined(candidate["content"].get("parts", []))
    assert stream["candidates"] == whole["candidates"]
    assert stream.get("usageMetadata") == whole.get("usageMetadata")


@every_other
@pytest.mark.parametrize("keeps_thoughts", [True, False])
def test_what_its_maker_signed_comes_back(path: Path, keeps_thoughts: bool) -> None:
    """A client sends the answer back, some without the thoughts in it: all that was signed is there again, in order."""
    found = [event for event in events(load(path)) if getattr(event, "choice", 0) in (0, None)]
    signed = [
        (event.owner, event.signature, event.data)
        for event in found
        if isinstance(event, Thinking) and event.owner not in ("", Owner.GOOGLE)
    ]
    kept = [part for part in parts(told(found)) if keeps_thoughts or "thought" not in part]
    if not kept:
        pytest.skip("says nothing")
    answer: Message = asked({"parts": [{"text": "Hi"}]}, {"role": "model", "parts": kept}).messages[-1]
    back = [part for part in answer.parts if isinstance(part, ReasoningPart) and part.owner not in ("", Owner.GOOGLE)]
    for place in (1, 2):
        assert "".join(each[place] for each in signed) == "".join(
            (part.owner, part.signature, part.data)[place] for part in back
        )
    assert {part.owner for part in back} <= {each[0] for each in signed}
    calls = [part.signature for part in answer.parts if isinstance(part, ToolCall)]
    assert calls == [event.signature for event in found if isinstance(event, ToolStart)]
