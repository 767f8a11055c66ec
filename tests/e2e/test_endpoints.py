"""OpenAI's other endpoints through the real server, with OpenAI's SDK and a scripted provider."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from penstock.core.usage import Usage
from running import RunningGateway
from upstream import Upstream, events, reply, send

SOUND = b"ID3" + bytes(range(256)) * 8
USAGE = {"input_tokens": 3, "output_tokens": 9, "total_tokens": 12}


@contextlib.contextmanager
def sdk(
    gateway: RunningGateway, upstream: Upstream, provider: str = "openai", **headers: str
) -> Iterator[openai.OpenAI]:
    fields = {"x-portkey-provider": provider, "x-portkey-custom-host": f"{upstream.url}/v1", **headers}
    with openai.OpenAI(
        api_key="sk-o", base_url=gateway.v1, default_headers=fields, max_retries=0, timeout=60
    ) as client:
        yield client


def as_json(body: Any) -> Any:
    return reply(body=json.dumps(body).encode())


def typed(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def test_completions(gateway: RunningGateway, upstream: Upstream) -> None:
    choice = {"text": "Hi", "index": 0, "finish_reason": "stop", "logprobs": None}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    body = {"id": "c", "object": "text_completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    upstream.play(as_json(body))
    with sdk(gateway, upstream) as client:
        made = client.completions.create(model="davinci-002", prompt="Say hi", suffix=None)
    assert (made.choices[0].text, made.usage and made.usage.total_tokens) == ("Hi", 2)
    assert upstream.last.target == "/v1/completions"
    assert upstream.last.headers["authorization"] == "Bearer sk-o"


def test_completions_streamed(gateway: RunningGateway, upstream: Upstream) -> None:
    chunks = [
        {"id": "c", "object": "text_completion", "created": 1, "model": "m", "choices": [{"text": text, "index": 0, "finish_reason": end}]}
        for text, end in (("He", None), ("y", "stop"))
    ]  # fmt: skip
    upstream.play(events(*(b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks), b"data: [DONE]\n\n"))
    with sdk(gateway, upstream) as client:
        text = "".join(
            chunk.choices[0].text for chunk in client.completions.create(model="m", prompt="Say hi", stream=True)
        )
    assert text == "Hey"
    upstream.play(events(*(b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks[:1])))
    with sdk(gateway, upstream) as client, pytest.raises(openai.APIError):
        list(client.completions.create(model="m", prompt="Say hi", stream=True))


def test_images_of_megabytes_tell_their_usage(gateway: RunningGateway, upstream: Upstream) -> None:
    picture = base64.b64encode(bytes(3 << 20)).decode()
    upstream.play(as_json({"created": 1, "data": [{"b64_json": picture}], "usage": USAGE}))
    with sdk(gateway, upstream) as client:
        made = client.images.generate(model="gpt-image-1", prompt="a cat", size="1024x1024")
    assert made.data
    assert made.data[0].b64_json == picture
    assert upstream.last.json == {"model": "gpt-image-1", "prompt": "a cat", "size": "1024x1024"}
    record = gateway.recorded()[-1]
    assert record.usage is not None
    assert (record.operation, record.usage.prompt, record.usage.completion) == ("images.generations", 3, 9)


def test_images_without_a_model(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(as_json({"created": 1, "data": [{"url": "https://example.com/a.png"}]}))
    with sdk(gateway, upstream) as client:
        assert client.images.generate(prompt="a cat").data
    assert upstream.last.json == {"prompt": "a cat"}


def test_images_streamed(gateway: RunningGateway, upstream: Upstream) -> None:
    picture = base64.b64encode(bytes(300 << 10)).decode()
    part = typed("image_generation.partial_image", b64_json="QUJD", partial_image_index=0)
    upstream.play(events(part, typed("image_generation.completed", b64_json=picture, usage=USAGE)))
    with sdk(gateway, upstream) as client:
        got = list(client.images.generate(model="gpt-image-1", prompt="a cat", stream=True, partial_images=1))
    assert [each.type for each in got] == ["image_generation.partial_image", "image_generation.completed"]
    assert used(gateway).completion == 9


def test_image_edits_pass_byte_for_byte(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(as_json({"created": 1, "data": [{"b64_json": "QUJD"}], "usage": USAGE}))
    with sdk(gateway, upstream) as client:
        client.images.edit(
            model="gpt-image-1", prompt="more", image=[("a.png", b"\x89PNG1", "image/png"), ("b.png", b"\x89PNG2", "image/png")]
        )  # fmt: skip
    sent = upstream.last
    assert sent.target == "/v1/images/edits"
    assert sent.body.count(b'name="image[]"') == 2
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert sent.headers["content-type"].partition("boundary=")[2].strip('"').encode() in sent.body


def test_image_edits_as_json(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(as_json({"created": 1, "data": []}))
    headers = {
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"{upstream.url}/v1",
        "authorization": "Bearer k",
    }
    body = {"model": "gpt-image-1", "prompt": "x", "images": [{"file_id": "file-1"}]}
    assert httpx.post(f"{gateway.v1}/images/edits", json=body, headers=headers, timeout=300).status_code == 200
    assert upstream.last.json == body


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_image_variations(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(as_json({"created": 1, "data": [{"url": "https://example.com/a.png"}]}))
    with sdk(gateway, upstream) as client:
        assert client.images.create_variation(image=("a.png", b"\x89PNG", "image/png"), n=1).data
    assert upstream.last.target == "/v1/images/variations"


def test_speech_is_relayed_as_it_comes(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=SOUND, content_type="application/octet-stream"))
    with sdk(gateway, upstream) as client:
        made = client.audio.speech.create(model="tts-1", input="Hi", voice="alloy", response_format="wav")
    assert made.content == SOUND
    assert made.response.headers["content-type"] == "audio/wav"
    upstream.play(reply(body=SOUND, content_type="audio/mpeg"))
    with sdk(gateway, upstream) as client:
        assert client.audio.speech.create(model="tts-1", input="Hi", voice="alloy").response.headers[
            "content-type"
        ] == "audio/mpeg"  # fmt: skip


def test_speech_that_breaks_off_does_not_end_in_order(gateway: RunningGateway, upstream: Upstream) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 9999\r\n\r\n"

    async def hang_up(_: Any, writer: Any) -> None:
        writer.close()

    upstream.play(send(head + SOUND), hang_up)
    with sdk(gateway, upstream) as client, pytest.raises((openai.APIConnectionError, httpx.RemoteProtocolError)):
        client.audio.speech.create(model="tts-1", input="Hi", voice="alloy").read()


def test_speech_errors_fall_back(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(500, b'{"error":{"message":"down"}}'))
    upstream.play(reply(body=SOUND, content_type="audio/mpeg"))
    target = {"provider": "openai", "api_key": "sk-o", "custom_host": f"{upstream.url}/v1"}
    config = {"strategy": {"mode": "fallback"}, "targets": [target, target]}
    with openai.OpenAI(
        api_key="x", base_url=gateway.v1, default_headers={"x-portkey-config": json.dumps(config)}, max_retries=0
    ) as client:
        assert client.audio.speech.create(model="tts-1", input="Hi", voice="alloy").content == SOUND
    assert len(upstream.received) == 2


def test_speech_as_events(gateway: RunningGateway, upstream: Upstream) -> None:
    done = typed("speech.audio.done", usage=USAGE)
    upstream.play(events(typed("speech.audio.delta", audio="QUJD"), done))
    with sdk(gateway, upstream) as client:
        made = client.audio.speech.create(model="gpt-4o-mini-tts", input="Hi", voice="alloy", stream_format="sse")
    assert b"speech.audio.delta" in made.content
    assert used(gateway).completion == 9


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
@pytest.mark.parametrize("operation", ["transcriptions", "translations"])
def test_transcriptions(gateway: RunningGateway, upstream: Upstream, operation: str) -> None:
    upstream.play(as_json({"text": "Hello", "usage": {"type": "duration", "seconds": 9}}))
    with sdk(gateway, upstream) as client:
        heard = getattr(client.audio, operation).create(model="whisper-1", file=("a.mp3", SOUND, "audio/mpeg"))
    assert heard.text == "Hello"
    sent = upstream.last
    assert sent.target == f"/v1/audio/{operation}"
    assert SOUND in sent.body
    assert used(gateway).units == {"seconds": 9}


def test_a_video_that_is_asked_for_by_a_form(gateway: RunningGateway, upstream: Upstream) -> None:
    """A form passes unread: the model that is charged is the one that the reply names."""
    made = {
        "id": "video_1",
        "object": "video",
        "model": "sora-2",
        "seconds": "8",
        "size": "1280x720",
        "status": "queued",
    }
    upstream.play(as_json(made))
    given = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"{upstream.url}/v1", "authorization": "Bearer k"}
    form: dict[str, Any] = {
        "prompt": (None, "A cat"),
        "model": (None, "sora-2"),
        "input_reference": ("a.png", SOUND, "image/png"),
    }
    assert httpx.post(f"{gateway.v1}/videos", files=form, headers=given, timeout=300).json() == made
    record = gateway.recorded()[-1]
    assert record.usage is not None
    assert (record.model, record.usage.units) == ("sora-2", {"video_duration_seconds_1280_720": 8})


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
def test_subtitles_come_back_as_they_are(gateway: RunningGateway, upstream: Upstream, form: Any) -> None:
    text = b"1\n00:00:00,000 --> 00:00:01,000\nHi\n"
    upstream.play(reply(body=text, content_type="text/plain"))
    with sdk(gateway, upstream) as client:
        heard = client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", SOUND), response_format=form)
    assert heard == text.decode()
    assert used(gateway).units == {"seconds": 1}


def test_transcriptions_streamed(gateway: RunningGateway, upstream: Upstream) -> None:
    deltas = [typed("transcript.text.delta", delta=text) for text in ("He", "y")]
    upstream.play(events(*deltas, typed("transcript.text.done", text="Hey", usage=USAGE)))
    with sdk(gateway, upstream) as client:
        stream = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.mp3", SOUND), stream=True)
        assert [each.type for each in stream][-1] == "transcript.text.done"
    assert used(gateway).prompt == 3


def test_a_config_changes_fields_of_a_form(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(as_json({"text": "Hello"}))
    target = {
        "provider": "openai", "api_key": "sk-o", "custom_host": f"{upstream.url}/v1",
        "override_params": {"model": "whisper-large-v3", "temperature": 0.25}, "drop_params": ["prompt"],
    }  # fmt: skip
    with openai.OpenAI(
        api_key="x", base_url=gateway.v1, default_headers={"x-portkey-config": json.dumps(target)}, max_retries=0
    ) as client:
        client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", SOUND), prompt="names", language="en")
    sent = upstream.last.body
    assert b"whisper-large-v3" in sent
    assert b"0.25" in sent
    assert SOUND in sent
    assert b"whisper-1" not in sent
    assert b'"prompt"' not in sent
    assert b'name="language"' in sent


def test_a_form_of_megabytes(gateway: RunningGateway, upstream: Upstream) -> None:
    sound = bytes(4 << 20)
    upstream.play(as_json({"text": "Hello"}))
    with sdk(gateway, upstream) as client:
        assert client.audio.transcriptions.create(model="@openai/whisper-1", file=("a.mp3", sound)).text == "Hello"
    assert sound in upstream.last.body


def test_moderations(gateway: RunningGateway, upstream: Upstream) -> None:
    result: dict[str, Any] = {
        "flagged": False,
        "categories": {},
        "category_scores": {},
        "category_applied_input_types": {},
    }
    upstream.play(as_json({"id": "modr-1", "model": "omni-moderation-latest", "results": [result]}))
    with sdk(gateway, upstream) as client:
        assert client.moderations.create(input=["a"]).results[0].flagged is False
    assert upstream.last.json == {"input": ["a"]}


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank", "/rerank"])
def test_rerank(gateway: RunningGateway, upstream: Upstream, path: str) -> None:
    answer = {"id": "r", "results": [{"index": 1, "relevance_score": 0.9}], "usage": {"total_tokens": 7}}
    upstream.play(as_json(answer))
    headers = {"x-portkey-provider": "jina", "x-portkey-custom-host": f"{upstream.url}/v1", "authorization": "Bearer k"}
    body = {"model": "jina-reranker-v2", "query": "q", "documents": ["a", "b"], "top_n": 1}
    answered = httpx.post(f"{gateway.url}{path}", json=body, headers=headers, timeout=300)
    assert (answered.status_code, answered.json()) == (200, answer)
    assert (upstream.last.target, upstream.last.json) == ("/v1/rerank", body)


def test_a_host_without_the_endpoint_says_so(gateway: RunningGateway, upstream: Upstream) -> None:
    with sdk(gateway, upstream, "anthropic") as client, pytest.raises(openai.BadRequestError) as caught:
        client.audio.speech.create(model="tts-1", input="Hi", voice="alloy")
    assert "audio.speech is not supported by anthropic" in caught.value.message
    assert not upstream.received


def test_a_body_of_the_wrong_kind(gateway: RunningGateway) -> None:
    headers = {"x-portkey-provider": "openai", "authorization": "Bearer k"}
    answered = httpx.post(f"{gateway.v1}/audio/transcriptions", json={"model": "m"}, headers=headers, timeout=300)
    assert answered.status_code == 400
    assert "a form" in answered.json()["error"]["message"]
    broken = {**headers, "content-type": "multipart/form-data; boundary=x"}
    answered = httpx.post(f"{gateway.v1}/audio/transcriptions", content=b"no form", headers=broken, timeout=300)
    assert answered.status_code == 400
    assert "does not begin with its boundary" in answered.json()["error"]["message"]


def used(gateway: RunningGateway) -> Usage:
    """The usage of the request that was just answered."""
    usage = gateway.recorded()[-1].usage
    assert usage is not None
    return usage
