"""Every recording of Converse through its own door, frame by frame; every recording of another wire, told to a caller
of Converse: whole and streamed, read by AWS's own library, and sent back in a conversation."""

from __future__ import annotations

import base64
import itertools
import json
import random
from pathlib import Path
from typing import Any
from urllib.parse import quote

import botocore.session
import pytest
from botocore.parsers import create_parser

import wires
from converse_caller import CAPTION, asked, blocks
from penstock.core.body import Body
from penstock.core.chat import ChatRequest, Message, Owner, ReasoningPart, ToolCall
from penstock.core.events import Event, Fail, Media, Refusal, Stop, Text, Thinking, ToolStart, collect
from penstock.core.failure import Failure
from penstock.dialects.bedrock.caller.frames import FrameEncoder
from penstock.dialects.bedrock.caller.members import stop_reason
from penstock.dialects.bedrock.caller.reply import write_reply
from penstock.dialects.bedrock.caller.stream import ConverseWriter
from penstock.dialects.bedrock.relay.frames import ConverseFrames
from penstock.dialects.bedrock.relay.reshape import to_plain
from penstock.dialects.bedrock.relay.stream import GRAMMAR
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.registry import CALLERS, DIALECTS
from penstock.traits.resolve import resolve
from replaying import in_every_cut, load, recordings
from running import RunningGateway, needs_recordings

pytestmark = needs_recordings

OWN = recordings("bedrock.converse")
OTHERS = [
    *(
        path
        for path in wires.paths()
        if wires.is_good(wires.load(path)) and wires.load(path)["wire"] != "bedrock.converse"
    ),
    *(path for path in recordings("openai.chat") if wires.is_good(load(path))),
    *(path for path in recordings("openai.responses") if wires.is_good(load(path))),
]
DIALECT_OF = {**wires.WIRES, "openai.responses": "responses"}
MODEL = botocore.session.Session().get_service_model("bedrock-runtime")

every = pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
every_other = pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)


@every
async def test_replayed_byte_for_byte(path: Path, gateway: RunningGateway, replay: str) -> None:
    recording = load(path)
    response = recording["response"]
    verb = "converse-stream" if recording["stream"] else "converse"
    url = f"{gateway.url}/model/{quote(recording['model'], safe='')}/{verb}"
    headers = {"x-portkey-provider": "bedrock", "authorization": "Bearer test"}
    replies, seen = await in_every_cut(url, recording, replay, headers)
    for reply in replies:
        assert reply.status_code == response["status"], reply.text
        assert _frames(reply.content) == _frames(wires.body(recording))
    for received in seen:
        assert received["body"] == recording["request"]["body"]


def _frames(data: bytes) -> Any:
    """What the frames of a stream hold; the bytes of anything else."""
    return list(wires._frames(data)) if data[:1] == b"\0" else data


@every
def test_its_requests_are_read_and_written_in_every_wire(path: Path) -> None:
    body = Body.parse(json.dumps(load(path)["request"]["body"]).encode())
    request = CALLERS["bedrock_converse"].reading.request(body)
    if "guardrailConfig" in body:
        assert isinstance(request, Failure)
        return
    assert isinstance(request, ChatRequest), request
    for name in ("openai_chat", "anthropic", "responses", "gemini", "cohere", "ollama"):
        payload = DIALECTS[name].write(request, WriteContext("a-model", "unit"))
        assert isinstance(payload, Payload), payload


# Another maker's answer, told to a caller of Converse.


def events(recording: dict[str, Any]) -> list[Event]:
    """What the provider's dialect reads of a recording; none for one that ends in an error."""
    dialect = DIALECTS[DIALECT_OF.get(recording["wire"], "openai_chat")]
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


def text_of(reply: dict[str, Any]) -> str:
    return "".join(
        block.get("text", "") + "".join(each["text"] for each in block.get("citationsContent", {}).get("content", []))
        for block in blocks(reply)
    )


@every_other
def test_it_says_what_the_recording_says(path: Path) -> None:
    recording = load(path)
    found = events(recording)
    whole = told(found)
    _parsed_by_botocore(whole)
    first = [event for event in found if getattr(event, "choice", 0) in (0, None)]
    if not any(isinstance(event, Media) for event in first):
        assert text_of(whole) == "".join(each.text for each in first if isinstance(each, Text | Refusal))
    calls = [block["toolUse"] for block in blocks(whole) if "toolUse" in block]
    assert [call["name"] for call in calls] == [event.name for event in first if isinstance(event, ToolStart)]
    stop = next((event for event in reversed(first) if isinstance(event, Stop)), None)
    assert (
        whole["stopReason"] == stop_reason(stop, None, has_calls=bool(calls))[0]
        or whole["stopReason"] == "stop_sequence"
    )
    if recording["wire"] in wires.WIRES and not any(isinstance(event, Media) for event in first):
        said = wires.said(recording)
        assert (text_of(whole), [(call["name"], call["input"]) for call in calls]) == (said.text, said.calls)
    usage = collect(found).usage
    if usage is not None and usage.prompt is not None:
        counted = whole["usage"]
        cached = counted.get("cacheReadInputTokens", 0) + counted.get("cacheWriteInputTokens", 0)
        assert counted["inputTokens"] + cached == max(usage.prompt, cached)
        assert counted["outputTokens"] == (usage.completion or 0)


def _parsed_by_botocore(reply: dict[str, Any]) -> None:
    """AWS's own parser keeps every member: none is unknown to the description of the API."""
    response = {"status_code": 200, "headers": {}, "body": json.dumps(reply).encode()}
    shape = MODEL.operation_model("Converse").output_shape
    parsed = create_parser("rest-json").parse(response, shape)
    parsed.pop("ResponseMetadata")
    assert _plain(parsed) == _canonical(reply)


def _canonical(value: Any) -> Any:
    """A reply whose bytes are in the base64 that an encoder would write."""
    if isinstance(value, dict) and isinstance(value.get("bytes"), str):
        return {"bytes": base64.b64encode(base64.b64decode(value["bytes"])).decode()}
    if isinstance(value, dict):
        return {name: _canonical(each) for name, each in value.items()}
    return [_canonical(each) for each in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


@every_other
def test_its_stream_says_the_same(path: Path) -> None:
    found = events(load(path))
    whole, writer = told(found), ConverseWriter(CAPTION)
    sent = b"".join(writer.write([event]) for event in found) + writer.finish()
    assert writer.failed is None, writer.failed
    assert GRAMMAR.ending(sent)[0]
    plain = to_plain(sent)
    assert plain is not None
    stream = json.loads(plain)
    assert (stream["stopReason"], stream["usage"]) == (whole["stopReason"], whole["usage"])
    assert text_of(stream) == text_of(whole)
    for kind in ("toolUse", "reasoningContent", "image"):
        one, other = ([block[kind] for block in blocks(each) if kind in block] for each in (stream, whole))
        assert one == other


@every_other
def test_any_cutting_gives_the_same_frames(path: Path) -> None:
    found = events(load(path))
    writer = ConverseWriter(CAPTION)
    sent = writer.write(found) + writer.finish()
    framed = FrameEncoder().finish(sent)
    generator = random.Random(len(sent))
    for _ in range(5):
        places = [0, *sorted(generator.choices(range(len(sent) + 1), k=6)), len(sent)]
        encoder, frames = FrameEncoder(), ConverseFrames()
        cut = b"".join(encoder.feed(sent[a:b]) for a, b in itertools.pairwise(places)) + encoder.finish(b"")
        assert cut == framed
        assert frames.feed(cut) + frames.finish() == sent


@every_other
def test_what_its_maker_signed_comes_back(path: Path) -> None:
    """A client sends the answer back: all that was signed is there again, in order."""
    found = [event for event in events(load(path)) if getattr(event, "choice", 0) in (0, None)]
    signed = [event for event in found if isinstance(event, Thinking) and event.owner]
    kept = blocks(told(found))
    if not kept:
        pytest.skip("says nothing")
    answer: Message = asked(
        {"role": "user", "content": [{"text": "Hi"}]}, {"role": "assistant", "content": kept}
    ).messages[-1]
    back = [part for part in answer.parts if isinstance(part, ReasoningPart) and part.owner]
    for name in ("signature", "data"):
        assert "".join(getattr(each, name) for each in signed) == "".join(getattr(part, name) for part in back)
    assert {part.owner for part in back} <= {each.owner for each in signed}
    calls = [part.signature for part in answer.parts if isinstance(part, ToolCall)]
    foreign = [event for event in found if isinstance(event, ToolStart)]
    assert calls == ["" if event.owner == Owner.ANTHROPIC else event.signature for event in foreign]
