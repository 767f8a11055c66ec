"""Contents that wait until their requests become spans."""

from __future__ import annotations

import json

import msgspec

from penstock.core.trace_context import TraceContext
from penstock.observe.log_extras import Content
from penstock.observe.record import Record
from penstock.observe.redactor import Redactor
from penstock.observe.telemetry.contents import SpanContents, content_attributes


def record(flags: int = 1) -> Record:
    return Record(1.0, "POST", "/", 200, 0.1, trace_context=TraceContext("a" * 32, flags))


def content(asked: bytes = b"12345", answered: bytes = b"12345") -> Content:
    return Content(1000, [], asked, [], bytearray(answered))


def test_a_content_is_taken_once_by_its_record() -> None:
    contents, first, second = SpanContents(), record(), record()
    kept = content()
    contents.put(first, kept)
    assert contents.take(second) is None
    assert contents.take(first) is kept
    assert contents.take(first) is None


def test_the_oldest_go_where_there_is_no_room() -> None:
    contents, records = SpanContents(25), [record() for _ in range(3)]
    for each in records:
        contents.put(each, content())
    assert [contents.take(each) is None for each in records] == [True, False, False]
    contents.put(records[0], content(b"x" * 26))
    assert contents.take(records[0]) is None


def test_what_is_not_sampled_is_not_kept() -> None:
    contents, unsampled = SpanContents(), record(0)
    untraced = msgspec.structs.replace(unsampled, trace_context=None)
    for each in (unsampled, untraced):
        contents.put(each, content())
        assert contents.take(each) is None


def test_secrets_are_hidden_and_what_is_no_text_is_left_out() -> None:
    body = json.dumps(
        {"system": "Be kind", "messages": [{"role": "user", "content": "my key sk-0123456789abcdefghij"}]}
    )
    told = content_attributes(content(body.encode(), b"\xff\xfe\x00sound"), Redactor(["kind"]))
    assert json.loads(str(told["gen_ai.system_instructions"])) == [{"type": "text", "content": "Be [redacted]"}]
    assert "sk-0123" not in str(told["gen_ai.input.messages"])
    assert "gen_ai.output.messages" not in told


def test_secrets_in_pieces_and_in_escapes_are_hidden_too() -> None:
    pieces = ["my key sk-0123", "456789abcd", "efghij"]
    stream = "".join(f"data: {json.dumps({'choices': [{'delta': {'content': each}}]})}\n\n" for each in pieces)
    asked = b'{"messages": [{"role": "user", "content": "\\u0073k-0123456789abcdefghij of M\\u00fcller"}]}'
    told = str(content_attributes(content(asked, stream.encode()), Redactor(["Müller"])))
    assert told.count("[redacted]") == 3
    assert "0123" not in told
    assert "Müller" not in told
