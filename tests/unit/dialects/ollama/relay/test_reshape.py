"""A stored answer of Ollama's in the other form."""

import json

import pytest

from calling import PLAIN, STREAMS
from penstock.dialects.framing import sse
from penstock.dialects.ollama.relay.reshape import RESHAPE, to_plain, to_stream

WIRES = pytest.mark.parametrize("wire", ["ollama", "ollama_generate"])


@WIRES
def test_both_ways(wire: str) -> None:
    stream = to_stream(PLAIN[wire])
    assert stream is not None
    first, last = [json.loads(data) for _, data in sse.events(stream)]
    assert (first["done"], last["done"]) == (False, True)
    plain = to_plain(stream)
    assert plain is not None
    assert json.loads(plain) == json.loads(PLAIN[wire])
    gathered = RESHAPE.gather(b"".join(STREAMS[wire]))
    assert gathered is not None
    assert json.loads(gathered) == json.loads(PLAIN[wire])
    assert RESHAPE.with_usage(PLAIN[wire], False) is PLAIN[wire]


def test_lists_grow() -> None:
    lines = [
        {"message": {"content": "", "tool_calls": [1]}},
        {"message": {"content": "a", "tool_calls": [2], "thinking": "t"}},
        {"done": True},
    ]
    plain = to_plain(b"".join(b"data: %b\n\n" % json.dumps(line).encode() for line in lines))
    assert plain is not None
    assert json.loads(plain)["message"] == {"content": "a", "tool_calls": [1, 2], "thinking": "t"}


@pytest.mark.parametrize("stream", [b"", b"data: []\n\n", b'data: {"error":"x"}\n\n', b"data: {\n\n", b"data: {}\n\n"])
def test_streams_that_are_no_answer(stream: bytes) -> None:
    assert to_plain(stream) is None


@pytest.mark.parametrize("reply", [b"", b"[]", b'{"error":"x"}', b'{"done":true}', b'{"response":"a"}'])
def test_replies_that_are_no_answer(reply: bytes) -> None:
    assert to_stream(reply) is None


def test_an_empty_answer_is_one_line() -> None:
    stream = to_stream(b'{"response":"","done":true,"done_reason":"load"}')
    assert stream == b'data: {"response":"","done":true,"done_reason":"load"}\n\n'
