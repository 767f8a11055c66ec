"""Replies that their hosts call streams, whole ones and streams, in any pieces."""

from __future__ import annotations

import pytest

from calling import PLAIN, STREAMS
from penstock.core.events import Fail
from penstock.dialects import either_form
from penstock.dialects.dialect import WriteContext
from penstock.dialects.either_form import EitherForm
from penstock.dialects.registry import DIALECTS

CONTEXT = WriteContext("m")
OF_EVENTS = ("openai_chat", "responses", "anthropic", "gemini", "cohere")
SIZES = pytest.mark.parametrize("size", [1, 7, 100_000])


def read(name: str, data: bytes, size: int) -> list[object]:
    reader = EitherForm(DIALECTS[name], CONTEXT)
    events = [event for at in range(0, len(data), size) for event in reader.feed(data[at : at + size])]
    return [*events, *reader.finish()]


@SIZES
@pytest.mark.parametrize("blanks", [b"", b" \r\n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("name", OF_EVENTS)
def test_a_whole_reply_is_read_as_one(name: str, blanks: bytes, size: int) -> None:
    assert read(name, blanks + PLAIN[name], size) == DIALECTS[name].read_reply(PLAIN[name], CONTEXT)


@SIZES
@pytest.mark.parametrize("name", OF_EVENTS)
def test_a_stream_is_read_as_one(name: str, size: int) -> None:
    stream = b"".join(STREAMS[name])
    reader = DIALECTS[name].reader(CONTEXT)
    assert read(name, stream, size) == [*reader.feed(stream), *reader.finish()]


@SIZES
def test_lines_of_json_are_a_stream(size: int) -> None:
    lines = b'{"message":{"content":"Hi"},"done":false}\n{"message":{"content":"!"},"done":true,"done_reason":"stop"}\n'
    reader = DIALECTS["ollama"].reader(CONTEXT)
    assert read("ollama", lines, size) == [*reader.feed(lines), *reader.finish()]


@SIZES
def test_lines_of_json_are_told_as_they_come(size: int) -> None:
    line = b'{"message":{"content":"Hi"},"done":false}\n'
    reader = EitherForm(DIALECTS["ollama"], CONTEXT)
    events = [event for at in range(0, len(line), size) for event in reader.feed(line[at : at + size])]
    assert events == DIALECTS["ollama"].reader(CONTEXT).feed(line)
    assert events


@pytest.mark.parametrize("data", [b"", b" " * 2000, b" " * 2000 + b"{}", b"<html>"])
def test_what_is_neither_is_a_broken_stream(data: bytes) -> None:
    (fail,) = read("anthropic", data, 7)
    assert isinstance(fail, Fail)
    assert fail.broken


def test_a_whole_reply_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(either_form, "MAX_FRAME", 100)
    reader = EitherForm(DIALECTS["anthropic"], CONTEXT)
    assert reader.feed(b'{"a":"') == []
    (fail,) = reader.feed(b"a" * 100)
    assert isinstance(fail, Fail)
    assert fail.broken
