"""Every recording of Responses: byte for byte through ``/v1/responses``, and read for callers of chat completions; and
every recording of the other wires, written for callers of Responses and parsed by OpenAI's own types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openai
import pytest

import wires
from penstock.core.body import Body
from penstock.core.chat import ChatRequest
from penstock.core.events import Event, Fail, Text, Thinking, collect
from penstock.dialects.chat_quirks import ChatQuirks
from penstock.dialects.dialect import Payload, ProviderDialect, WriteContext
from penstock.dialects.openai.caller.completion import completion
from penstock.dialects.registry import CALLERS, DIALECTS
from penstock.dialects.responses.caller.reply import write_reply
from penstock.dialects.responses.caller.stream import ResponseWriter
from penstock.dialects.stream_watch import StreamWatch
from replaying import in_every_cut, load, recordings
from responses_wire import CAPTION, folded, parsed
from running import RECORDINGS, RunningGateway, needs_recordings

pytestmark = needs_recordings

WIRE = "openai.responses"
RESPONSES = CALLERS["responses"]
HEADERS = {"x-portkey-provider": "openai", "authorization": "Bearer test"}
CONTEXT = WriteContext("a-model", "unit")
PATHS = recordings(WIRE)
every = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
good = pytest.mark.parametrize(
    "path", [path for path in PATHS if load(path)["response"]["status"] == 200], ids=lambda path: path.stem
)
OTHERS = [
    path
    for path in [*wires.paths(), *sorted(RECORDINGS.glob("*.chat/*.json"))]
    if load(path)["response"]["status"] == 200
    and load(path)["wire"] in {*wires.WIRES, "openai.chat"}
    and load(path)["api"] not in {"embeddings"}
]
SPLITS = (1, 7, 1 << 20)


def body(recording: dict[str, Any]) -> bytes:
    return wires.body(recording)


def events(dialect: ProviderDialect, context: WriteContext, recording: dict[str, Any], size: int) -> list[Event]:
    """What the dialect makes of a recorded reply, a stream in pieces of this size."""
    data = body(recording)
    if not wires.is_stream(recording):
        return dialect.read_reply(data, context)
    reader = dialect.reader(context)
    found = [event for at in range(0, len(data), size) for event in reader.feed(data[at : at + size])]
    return found if found and isinstance(found[-1], Fail) else [*found, *reader.finish()]


# Lane 1.


@every
async def test_replayed_byte_for_byte(path: Path, gateway: RunningGateway, replay: str) -> None:
    recording = load(path)
    response = recording["response"]
    replies, seen = await in_every_cut(f"{gateway.v1}/responses", recording, replay, HEADERS)
    for reply in replies:
        assert reply.status_code == response["status"], reply.text
        assert reply.content == body(recording)
        assert reply.headers.get("content-type") == response["headers"].get("content-type")
    for received in seen:
        assert received["body"] == recording["request"]["body"]


@good
def test_the_end_and_the_usage_are_read_off(path: Path) -> None:
    recording = load(path)
    data, usage = body(recording), json.dumps(recording["response"]["body_text"]).count("input_tokens")
    if recording["response"]["kind"] != "sse":
        verdict = RESPONSES.replies.judge(data, "unit", True)
        assert (verdict.error, verdict.problem) == (None, "")
        assert usage == 0 or verdict.usage is not None or "background" in recording["features"]
        return
    for size in SPLITS:
        watch = StreamWatch(RESPONSES.replies.stream)
        passed = b"".join(watch.feed(data[at : at + size], weigh=True) for at in range(0, len(data), size))
        assert passed + watch.finish() == data
        finished, counted = watch.ending()
        assert (finished, watch.error, watch.skipped) == (True, None, 0)
        assert watch.content > 0
        assert counted is not None
    assert RESPONSES.replies.stream.is_complete(data)
    plain = RESPONSES.replies.reshape.to_plain(data)
    assert plain is not None
    stream = RESPONSES.replies.reshape.to_stream(plain, True)
    assert stream is not None
    assert RESPONSES.replies.reshape.to_plain(stream) == plain


@good
def test_a_stream_that_was_cut_is_never_finished(path: Path) -> None:
    recording = load(path)
    data = body(recording)
    if recording["response"]["kind"] != "sse":
        return
    last = max(data.rfind(b"response.completed"), 0)
    for at in range(0, last, max(1, last // 50)):
        watch = StreamWatch(RESPONSES.replies.stream)
        watch.feed(data[:at])
        watch.finish()
        assert not watch.ending()[0]


# Lane 2, as the provider's wire.


def said(recording: dict[str, Any]) -> tuple[str, list[tuple[str, Any]]]:
    """Text and calls of a recorded response, read naively off the whole response."""
    text = recording["response"]["body_text"]
    response = json.loads(text) if recording["response"]["kind"] == "json" else None
    for line in [] if response is not None else text.splitlines():
        if line.startswith("data:") and "response.completed" in line:
            response = json.loads(line[5:])["response"]
    assert response is not None
    texts = [part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"]]
    calls = [
        (item["name"], json.loads(item["arguments"])) for item in response["output"] if item["type"] == "function_call"
    ]
    return "".join(texts), calls


@good
def test_read_for_callers_of_chat_completions(path: Path) -> None:
    recording = load(path)
    found = [events(DIALECTS["responses"], CONTEXT, recording, size) for size in SPLITS]
    assert found[0] == found[1] == found[2]
    reply = collect(found[0])
    if "background" in recording["features"] and recording["response"]["kind"] == "json":
        assert reply.failure is not None
        return
    assert reply.failure is None
    message = json.loads(completion(reply, CAPTION))["choices"][0]["message"]
    text, calls = said(recording)
    assert (message["content"] or "") == text
    made = [
        (call["function"]["name"], json.loads(call["function"]["arguments"])) for call in message.get("tool_calls", [])
    ]
    assert made == calls
    assert reply.usage is not None
    opaque = [detail for detail in message.get("reasoning_details", []) if detail["type"] == "reasoning.encrypted"]
    assert bool(opaque) == ("signature" in recording["features"])


@every
def test_its_requests_are_read(path: Path) -> None:
    request = RESPONSES.reading.request(Body.parse(json.dumps(load(path)["request"]["body"]).encode()))
    state = {"background", "stateful"} & set(load(path)["features"])
    if state:
        assert not isinstance(request, ChatRequest)
        return
    assert isinstance(request, ChatRequest), request
    for name in ("openai_chat", "anthropic", "gemini", "bedrock_converse", "cohere", "ollama"):
        payload = DIALECTS[name].write(request, CONTEXT)
        # Some makers refuse a conversation that the model begins.
        assert isinstance(payload, Payload) or payload.param == "messages"


# Lane 2, as the caller's wire: the pairs.


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_the_other_wires_written_as_responses(path: Path) -> None:
    recording = load(path)
    dialect = DIALECTS[wires.WIRES.get(recording["wire"], "openai_chat")]
    # Snowflake's row says that this host gives no reasons.
    quirks = ChatQuirks(leaves_reason_out=path.stem.startswith("snowflake"))
    variant = wires.VARIANTS.get(recording["api"], "")
    context = WriteContext(recording["model"], "unit", variant=variant, quirks=quirks)
    found = events(dialect, context, recording, 1 << 20)
    reply = collect(found)
    if reply.failure is not None:
        return
    whole = write_reply(reply, CAPTION)
    assert isinstance(whole, bytes)
    response = json.loads(whole)
    openai.types.responses.Response.model_validate(response)
    writer = ResponseWriter(CAPTION)
    sent = b"".join(writer.write([each]) for each in found) + writer.finish()
    streamed = folded(parsed(sent))
    assert _texts(streamed) == _texts(response)
    assert (streamed["status"], streamed["usage"]) == (response["status"], response["usage"])
    choice = reply.choices.get(0)
    blocks = [] if choice is None else list(choice.blocks.values())
    text = "".join(each.text for block in blocks for each in block if isinstance(each, Text))
    thoughts = "".join(each.text for block in blocks for each in block if isinstance(each, Thinking))
    calls = [] if choice is None else [(call.name, call.arguments or "{}") for call in choice.calls]
    assert _texts(response) == (text, thoughts, calls) or "[" in _texts(response)[0]


def _texts(response: dict[str, Any]) -> tuple[str, str, list[tuple[str, str]]]:
    output = response["output"]
    text = "".join(
        part["text"] for item in output if item["type"] == "message" for part in item["content"] if "text" in part
    )
    thoughts = "".join(part["text"] for item in output if item["type"] == "reasoning" for part in item["summary"])
    calls = [(item["name"], item["arguments"]) for item in output if item["type"] == "function_call"]
    return text, thoughts, calls


@every
async def test_the_sdk_reads_what_passes(path: Path, gateway: RunningGateway, replay: str) -> None:
    recording = load(path)
    if recording["response"]["kind"] != "sse":
        return
    host = f"{replay}/_id/{recording['id']};split=whole/v1"
    async with openai.AsyncOpenAI(
        api_key="k", base_url=gateway.v1, default_headers={**HEADERS, "x-portkey-custom-host": host}, max_retries=0
    ) as client:
        stream = await client.responses.create(**recording["request"]["body"])
        kinds = [event.type async for event in stream]
    assert kinds[-1] == "response.completed"
