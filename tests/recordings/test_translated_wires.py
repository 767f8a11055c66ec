"""Every recording of a translated wire: through the real gateway, and cut and broken in every way in process.

What a translated reply says is compared with a naive reading of the recording (wires.py) and with its golden line in
goldens.json, which ``python tests/recordings/write_goldens.py`` writes anew for review.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import httpx
import msgspec
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

import wires
from accumulate import accumulated
from penstock.core.events import Event, Fail, collect
from penstock.dialects.caller import Caption
from penstock.dialects.dialect import ProviderDialect, WriteContext
from penstock.dialects.openai.caller.chunks import ChunkWriter
from penstock.dialects.openai.caller.completion import completion
from penstock.dialects.registry import DIALECTS
from penstock.traits.resolve import resolve
from running import RECORDINGS, RunningGateway, needs_recordings, schema_oracle

pytestmark = needs_recordings

SPLITS = ["whole", "event", "1", "7", "r5"]
GOLDENS = json.loads((Path(__file__).parent / "goldens.json").read_text())
CAPTION = Caption("unit", 1700000000, "a-model", "unit")

every = pytest.mark.parametrize("path", wires.paths(), ids=lambda path: path.stem)
good = pytest.mark.parametrize(
    "path", [path for path in wires.paths() if wires.is_good(wires.load(path))], ids=lambda path: path.stem
)
streamed = pytest.mark.parametrize(
    "path",
    [path for path in wires.paths() if wires.is_good(wires.load(path)) and wires.is_stream(wires.load(path))],
    ids=lambda path: path.stem,
)


@pytest.fixture(scope="module")
def schema() -> Any:
    return schema_oracle()


def dialect(recording: dict[str, Any]) -> ProviderDialect:
    return DIALECTS[wires.WIRES[recording["wire"]]]


def context(recording: dict[str, Any]) -> WriteContext:
    provider = wires.PROVIDERS[recording["api"]]
    traits = resolve(recording["model"], provider)
    return WriteContext(recording["model"], provider, traits, {}, wires.VARIANTS.get(recording["api"], ""))


def events(recording: dict[str, Any], pieces: list[bytes]) -> list[Event]:
    """What the dialect's reader makes of a stream in these pieces."""
    reader = dialect(recording).reader(context(recording))
    found = [event for piece in pieces for event in reader.feed(piece)]
    return found if found and isinstance(found[-1], Fail) else [*found, *reader.finish()]


def whole(recording: dict[str, Any]) -> list[Event]:
    body = wires.body(recording)
    if wires.is_stream(recording):
        return events(recording, [body])
    return dialect(recording).read_reply(body, context(recording))


def summary(recording: dict[str, Any]) -> dict[str, Any]:
    """What a reply comes to, without its words: the golden line of a recording."""
    reply = collect(whole(recording))
    found: dict[str, Any] = json.loads(completion(reply, msgspec.structs.replace(CAPTION, strict=False)))
    choices = []
    for choice in found["choices"]:
        message = choice["message"]
        choices.append(
            {
                "text": digest(message["content"]),
                "reasoning": digest(message.get("reasoning_content")),
                "details": [detail["format"] for detail in message.get("reasoning_details", [])],
                "calls": [
                    [call["function"]["name"], digest(call["function"]["arguments"])]
                    for call in message.get("tool_calls", [])
                ],
                "blocks": [block.get("type", next(iter(block))) for block in message.get("content_blocks", [])],
                "sources": len(message.get("annotations", [])),
                "native": choice["finish_reason"],
                "more": sorted(choice.keys() - {"index", "message", "finish_reason", "logprobs"}),
            }
        )
    failure = reply.failure
    return {
        "choices": choices,
        "usage": found.get("usage"),
        "model": found["model"],
        "more": sorted(found.keys() - {"id", "object", "created", "model", "provider", "choices", "usage"}),
        "failure": None if failure is None else [failure.type, failure.code, failure.status, failure.broken],
    }


def digest(text: str | None) -> Any:
    return None if text is None else [len(text), hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]]


# In process: meaning, cutting, breaking.


@good
def test_it_comes_to_what_its_golden_says(path: Path) -> None:
    assert summary(wires.load(path)) == GOLDENS[path.stem]


@good
def test_it_says_what_the_recording_says(path: Path) -> None:
    recording = wires.load(path)
    said, reply = wires.said(recording), collect(whole(recording))
    message = json.loads(completion(reply, CAPTION))["choices"][0]["message"]
    assert (message["content"] or "") == said.text
    calls = [
        (call["function"]["name"], json.loads(call["function"]["arguments"])) for call in message.get("tool_calls", [])
    ]
    assert calls == said.calls


def cuts(body: bytes) -> list[list[bytes]]:
    """Every way to cut a small body in two; some ways to cut a large one; and every byte by itself."""
    generator = random.Random(len(body))
    places = range(1, len(body)) if len(body) <= 3000 else sorted(generator.sample(range(1, len(body)), 300))
    halves = [[body[:at], body[at:]] for at in places]
    thirds = []
    for _ in range(20):
        first, second = sorted(generator.sample(range(len(body)), 2))
        thirds.append([body[:first], body[first:second], body[second:]])
    bytewise = [body[at : at + 1] for at in range(len(body))] if len(body) < 40_000 else []
    return [*halves, *thirds, bytewise] if bytewise else [*halves, *thirds]


@streamed
def test_any_cutting_gives_the_same_events(path: Path) -> None:
    recording = wires.load(path)
    expected = whole(recording)
    for pieces in cuts(wires.body(recording)):
        assert events(recording, pieces) == expected


@streamed
def test_a_stream_that_is_cut_short_fails_cleanly(path: Path) -> None:
    recording = wires.load(path)
    body, complete = wires.body(recording), whole(recording)
    generator = random.Random(len(body))
    ends = [at + 1 for at, byte in enumerate(body) if byte == 0x0A]
    places = ends if 0 < len(ends) <= 400 else sorted(generator.sample(range(len(body)), min(400, len(body))))
    for at in places:
        found = events(recording, [body[:at]])
        if not any(isinstance(event, Fail) for event in found):
            without: list[Event] = [event for event in complete if not isinstance(event, Fail)]
            assert texts(found) == texts(without), f"cut at {at} of {len(body)}: taken for the whole answer"


def texts(found: list[Event]) -> Any:
    reply = collect(found)
    return completion(msgspec.structs.replace(reply, usage=None, extras={}), CAPTION)


@good
@pytest.mark.parametrize("strict", [True, False])
def test_its_chunks_add_up_to_its_completion(path: Path, strict: bool) -> None:
    recording = wires.load(path)
    found = whole(recording)
    if isinstance(found[-1], Fail):
        pytest.skip("ends in an error")
    caption = msgspec.structs.replace(CAPTION, strict=strict)
    writer = ChunkWriter(caption)
    sent = b"".join(writer.write([event]) for event in found) + writer.finish()
    assert accumulated(sent) == accumulated_reply(json.loads(completion(collect(found), caption)))


def accumulated_reply(reply: dict[str, Any]) -> dict[str, Any]:
    """A completion without what a stream can't say or says otherwise."""
    for choice in reply["choices"]:
        choice.pop("logprobs")
        message = choice["message"]
        message["content"] = message["content"] or ""
        message.pop("refusal")
        message.pop("content_blocks", None)
        message.get("audio", {}).pop("expires_at", None)
        message.get("audio", {}).pop("transcript", None)
    return reply


@good
@pytest.mark.parametrize("strict", [True, False])
def test_it_obeys_openais_schema(path: Path, schema: Any, strict: bool) -> None:
    recording = wires.load(path)
    found = whole(recording)
    if isinstance(found[-1], Fail):
        pytest.skip("ends in an error")
    caption = msgspec.structs.replace(CAPTION, strict=strict, include_usage=True)
    reply = json.loads(completion(collect(found), caption))
    writer = ChunkWriter(caption)
    chunks = [
        json.loads(line[6:]) for line in (writer.write(found) + writer.finish()).splitlines() if line[6:7] == b"{"
    ]
    if strict:
        assert not schema.errors("response", reply)
        assert not [error for chunk in chunks for error in schema.errors("chunk", chunk)]
    ChatCompletion.model_validate(reply) if strict else ChatCompletion.model_construct(**reply)
    for chunk in chunks if strict else []:
        ChatCompletionChunk.model_validate(chunk)


# Through the gateway.


def ask(recording: dict[str, Any], **more: Any) -> dict[str, Any]:
    said = wires.said(recording) if wires.is_good(recording) else wires.Said(calls=[])
    tools = [{"type": "function", "function": {"name": name}} for name, _ in said.calls]
    wanted = {"tools": tools} if tools else {}
    return {
        "model": recording["model"],
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": recording["stream"],
        **wanted,
        **more,
    }


def headers(recording: dict[str, Any], replay: str, options: str) -> dict[str, str]:
    return {
        "x-portkey-provider": wires.PROVIDERS[recording["api"]],
        "x-portkey-custom-host": f"{replay}/_id/{recording['id']};{options}",
        "authorization": "Bearer test",
        **wires.HEADERS.get(recording["api"], {}),
    }


def settled(reply: httpx.Response) -> Any:
    """A reply without its own id and time, where the provider has none."""
    text = reply.text
    parts = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    for part in parts or [json.loads(text)]:
        part.pop("created", None)
        if str(part.get("id", "")).startswith("chatcmpl-"):
            part.pop("id")
            strip_invented(part)
        parts = parts or [part]
    return parts, text.endswith("data: [DONE]\n\n")


def strip_invented(value: Any) -> None:
    """Take out ids that were made of the reply's own random id."""
    if isinstance(value, dict):
        if str(value.get("id", "")).startswith(("call_", "audio_")):
            value.pop("id")
        for each in value.values():
            strip_invented(each)
    elif isinstance(value, list):
        for each in value:
            strip_invented(each)


def failure_of(path: Path) -> int | None:
    """The status of a plain reply that says success and is a failure (docs/fidelity.md)."""
    failure = GOLDENS.get(path.stem, {}).get("failure")
    return failure[2] if failure is not None and not wires.load(path)["stream"] else None


@every
async def test_through_the_gateway(path: Path, gateway: RunningGateway, replay: str) -> None:
    recording = wires.load(path)
    async with httpx.AsyncClient(timeout=300) as client:
        replies = await asyncio.gather(
            *(
                client.post(
                    f"{gateway.v1}/chat/completions",
                    json=ask(recording),
                    headers=headers(recording, replay, f"split={split}"),
                )
                for split in SPLITS
            )
        )
    failure = failure_of(path)
    status = recording["response"]["status"] if failure is None else failure
    for reply in replies:
        assert reply.status_code == status, reply.text
        assert reply.headers["x-portkey-provider"] == wires.PROVIDERS[recording["api"]]
        kind = "text/event-stream" if recording["stream"] and reply.status_code == 200 else "application/json"
        assert reply.headers["content-type"] == kind
        assert settled(reply) == settled(replies[0])
    if failure is not None or not wires.is_good(recording):
        error = replies[0].json()["error"]
        assert error["message"].startswith(f"{wires.PROVIDERS[recording['api']]} error: ")
        assert {"message", "type", "param", "code"} <= error.keys()


@good
async def test_the_openai_sdk_reads_it(path: Path, gateway: RunningGateway, replay: str) -> None:
    recording = wires.load(path)
    said = wires.said(recording)
    async with openai.AsyncOpenAI(
        base_url=gateway.v1, api_key="test", default_headers=headers(recording, replay, "split=r7"), max_retries=0
    ) as client:
        wanted: Any = ask(recording)
        if failure_of(path) is not None:
            with pytest.raises(openai.APIStatusError):
                await client.chat.completions.create(**wanted)
            return
        if not recording["stream"]:
            message = (await client.chat.completions.create(**wanted)).choices[0].message
            assert (message.content or "") == said.text
            assert [call.function.name for call in message.tool_calls or []] == [name for name, _ in said.calls]
            return
        if "error_in_200" in recording["features"]:
            with pytest.raises(openai.APIError):
                async for _ in await client.chat.completions.create(**wanted):
                    pass
            return
        text, names = "", []
        async for chunk in await client.chat.completions.create(**wanted):
            for choice in chunk.choices:
                text += choice.delta.content or ""
                names += [c.function.name for c in choice.delta.tool_calls or [] if c.function and c.function.name]
        assert (text, names) == (said.text, [name for name, _ in said.calls])


def test_every_recording_has_a_golden() -> None:
    assert {path.stem for path in wires.paths() if wires.is_good(wires.load(path))} == GOLDENS.keys()
    assert RECORDINGS.exists()
