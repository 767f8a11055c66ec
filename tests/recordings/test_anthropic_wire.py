"""Every recording of Anthropic Messages through ``/v1/messages``: byte for byte back, unchanged in meaning up."""

from __future__ import annotations

from pathlib import Path

import pytest

from replaying import in_every_cut, load, recordings
from running import RunningGateway, needs_recordings

pytestmark = needs_recordings

HEADERS = {"x-portkey-provider": "anthropic", "x-api-key": "test", "anthropic-version": "2023-06-01"}


@pytest.mark.parametrize("path", recordings("anthropic.messages"), ids=lambda path: path.stem)
async def test_replayed_byte_for_byte(path: Path, gateway: RunningGateway, replay: str) -> None:
    recording = load(path)
    response = recording["response"]
    body = str(response["body_text"]).encode("utf-8", "surrogatepass")
    replies, seen = await in_every_cut(f"{gateway.v1}/messages", recording, replay, HEADERS)
    for reply in replies:
        assert reply.status_code == response["status"], reply.text
        assert reply.content == body
        assert reply.headers["x-portkey-provider"] == "anthropic"
        for name in ("request-id", "retry-after", "content-type"):
            assert reply.headers.get(name) == response["headers"].get(name)
    for received in seen:
        assert received["body"] == recording["request"]["body"]
        assert not [name for name in received["headers"] if name.startswith("x-portkey")]
