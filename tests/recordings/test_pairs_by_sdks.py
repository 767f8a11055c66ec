"""Every pair of the seven wires of chats through the gateway, read by the callers' official SDKs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import wires
from pairs import GOOD, MODEL_OF, asked, is_own, of_each, own_server, source, to, whole
from readings import CALL
from replaying import load
from running import RunningGateway, needs_recordings

pytestmark = needs_recordings
sdks = pytest.importorskip("sdks", reason="an SDK is not installed: make ready")


@own_server()
@to()
@of_each(GOOD)
def test_the_callers_own_sdk_reads_it(path: Path, caller: str, gateway: RunningGateway, replay: str) -> None:
    recording, said = load(path), source(path)
    if is_own(recording, caller):
        pytest.skip("what passes is the provider's own")
    whole(path)
    if "__BINARY_TRUNCATED__" in str(recording["response"]):
        pytest.skip("the recording has no picture")
    stream = wires.is_stream(recording)
    where = asked(recording, caller, replay, "split=r7", stream=stream)[2]
    options = {
        name.removeprefix("x-portkey-").replace("-", "_"): value
        for name, value in where.items()
        if name.startswith("x-portkey-")
    }
    config = {**options, "api_key": "test"}
    model = MODEL_OF.get(recording["wire"], recording["model"])
    text, names = sdks.ask(caller, gateway.url, model, {"x-portkey-config": json.dumps(config)}, stream=stream)
    assert text == said.text
    assert names == [call.partition(" ")[0] for call in said.of(CALL)]
