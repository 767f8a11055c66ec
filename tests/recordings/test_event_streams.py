"""AWS event streams as AWS's own library reads them: the same messages, however the bytes are cut."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from botocore.eventstream import EventStreamBuffer

import wires
from penstock.dialects.framing.aws_eventstream import EventStream
from running import needs_recordings

pytestmark = needs_recordings

FRAMED = [path for path in wires.paths() if wires.load(path)["response"]["kind"] == "eventstream"]


def botocores(data: bytes) -> list[tuple[dict[str, str], bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [({str(k): str(v) for k, v in event.headers.items()}, event.payload) for event in buffer]


def ours(pieces: list[bytes]) -> list[tuple[dict[str, str], bytes]]:
    stream = EventStream()
    found = [(dict(message.headers), message.payload) for piece in pieces for message in stream.feed(piece)]
    stream.finish()
    return found


@pytest.mark.parametrize("path", FRAMED, ids=lambda path: path.stem)
def test_botocore_reads_the_same(path: Path) -> None:
    data = wires.body(wires.load(path))
    expected = botocores(data)
    assert len(expected) > 3
    generator = random.Random(len(data))
    places = sorted(generator.sample(range(len(data)), 12))
    cut = [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
    for pieces in ([data], cut, [data[at : at + 1] for at in range(len(data))]):
        assert ours(pieces) == expected
