"""Which requests stand inside another, and how the other one is put together again."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.core.operation import Operation
from penstock.dialects.caller import RequestBody
from penstock.dialects.registry import CALLERS
from penstock.observe.record import Records
from penstock.pipeline.account import Account
from penstock.pipeline.call import Call
from penstock.pipeline.guarding import pieces as guard_pieces
from penstock.pipeline.guarding.pieces import Pieces, Unreadable, pieces_of

BOUNDARY = b"b0undary"
CHAT = b'{"model": "m", "messages": [{"role": "user", "content": "hi"}],  "n": 1.0}'
LINE = b'{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": ' + CHAT + b"}"


def form(content: bytes, purpose: str = "batch", **more: str) -> bytes:
    fields = b"".join(
        b'--%b\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (BOUNDARY, name.encode(), value.encode())
        for name, value in {"purpose": purpose, **more}.items()
    )
    head = b'--%b\r\ncontent-disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n' % BOUNDARY
    return fields + head + content + b"\r\n--%b--\r\n" % BOUNDARY


def call(body: bytes, resource: str = "files", rest: str | None = None, wire: str = "openai_chat") -> Call:
    is_form = body.startswith(b"--")
    content_type = b'multipart/form-data; boundary="%b"' % BOUNDARY if is_form else b"application/json"
    request = None if is_form else RequestBody(Body.parse(body), None, stream=False)
    account = Account(Records(), "POST", f"/v1/{resource}")
    parameters = {} if rest is None else {"rest": rest}
    fields = {b"content-type": content_type}
    made = Call(Operation.PROXY, CALLERS[wire], [], fields, body, b"", account, parameters=parameters, request=request)
    made.resource = resource
    return made


def found(*args: Any, **more: Any) -> Pieces:
    pieces = pieces_of(call(*args, **more))
    assert pieces is not None
    return pieces


def texts(pieces: Pieces) -> list[list[str]]:
    return [[each.text for each in piece.view.request(piece.kind, json.loads(piece.raw))] for piece in pieces.pieces]


def test_the_lines_of_a_batch() -> None:
    responses = b'{"url": "/v1/responses", "body": {"input": "ho"}}'
    embed = b'{"url": "/openai/v1/embeddings", "body": {"input": ["a", "b"]}}'.replace(b"/openai", b"")
    pieces = found(form(b"\n".join([LINE, b"", responses, embed, b""])))
    assert [(each.place, each.kind) for each in pieces.pieces] == [
        ("line 1", "chatComplete"),
        ("line 3", "createModelResponse"),
        ("line 4", "embed"),
    ]
    assert texts(pieces) == [["hi"], ["ho"], ["a", "b"]]
    assert pieces.pieces[0].raw == CHAT


def test_a_changed_line_stands_among_the_others_as_they_came() -> None:
    other = LINE.replace(b'"1"', b'"2"') + b"\r"
    body = form(b"\n".join([LINE, other, b""]), extra="kept")
    built = found(body).rebuilt({0: b'{"messages":[]}'})
    changed = b'{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"messages":[]}}'
    assert built == body.replace(LINE, changed, 1)


def test_a_change_does_not_end_the_form() -> None:
    with pytest.raises(Unreadable, match="boundary"):
        found(form(LINE)).rebuilt({0: b'{"a":"--b0undary"}'})


@pytest.mark.parametrize(
    "line",
    [
        LINE[:-1] + b', "body": {"messages": [{"role": "user", "content": "other"}]}}',
        LINE.replace(b'"n": 1.0', b'"messages": [{"role": "user", "content": "other"}]'),
    ],
)
def test_of_a_member_that_comes_twice_the_last_counts_for_everybody(line: bytes) -> None:
    pieces = found(form(line))
    assert texts(pieces) == [["other"]]
    [piece] = pieces.pieces
    assert piece.is_rewritten
    assert b'"hi"' not in pieces.rebuilt({0: piece.raw})


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (form(b"no JSON"), "line 1"),
        (form(LINE + b"\n[]"), "line 2"),
        (form(b'{"url": "/v1/chat/completions"}'), "line 1"),
        (form(b'{"url": "/v1/other", "body": {}}'), "endpoint"),
        (form(b'{"body": {}}'), "endpoint"),
        (form(LINE).replace(b'name="file"', b'name="other"'), "one file"),
        (form(LINE)[:-20], "form"),
        (form(LINE, purpose="batch").replace(b"--b0undary\r\n", b"--b0undary\r\n", 1), None),
    ],
)
def test_what_cant_be_read(body: bytes, why: str | None) -> None:
    if why is None:
        assert found(body).pieces
        return
    with pytest.raises(Unreadable, match=why):
        pieces_of(call(body))


def test_there_are_not_too_many_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_pieces, "_MOST", 2)
    assert len(found(form(b"\n".join([LINE] * 2))).pieces) == 2
    with pytest.raises(Unreadable, match="more than 2"):
        pieces_of(call(form(b"\n".join([LINE] * 3))))
    requests = {"requests": [{"custom_id": "1", "params": {}}] * 3}
    with pytest.raises(Unreadable, match="more than 2"):
        pieces_of(call(json.dumps(requests).encode(), "messages/batches", wire="anthropic"))


@pytest.mark.parametrize(("item", "why"), [(b"1", "no list"), (b"{}", "more than"), (b'{"params":{}}', "more than")])
def test_requests_are_counted_before_they_are_taken_apart(item: bytes, why: str) -> None:
    asked = call(b'{"requests":[' + b",".join([item] * 1_000_000) + b"]}", "messages/batches", wire="anthropic")
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable, match=why):
            pieces_of(asked)
        assert tracemalloc.get_traced_memory()[1] < 3 * len(asked.body)
    finally:
        tracemalloc.stop()


def test_several_purposes_are_none() -> None:
    twice = form(LINE).replace(
        b'name="file"', b'name="purpose"\r\n\r\nassistants\r\n--b0undary\r\ncontent-disposition: form-data; name="file"'
    )
    with pytest.raises(Unreadable, match="purposes"):
        pieces_of(call(twice))


def test_the_requests_of_anthropics_batches() -> None:
    one = {"custom_id": "1", "params": {"model": "m", "messages": [{"role": "user", "content": "hi"}]}}
    body = json.dumps({"requests": [one, {**one, "custom_id": "2"}]}).encode()
    pieces = found(body, "messages/batches", wire="anthropic")
    assert texts(pieces) == [["hi"], ["hi"]]
    assert [(each.place, each.kind) for each in pieces.pieces] == [("request 1", "messages"), ("request 2", "messages")]
    built = json.loads(pieces.rebuilt({1: b'{"messages":[]}'}))
    assert built == {"requests": [one, {"custom_id": "2", "params": {"messages": []}}]}
    bodies: list[dict[str, Any]] = [{}, {"requests": {}}, {"requests": [1]}, {"requests": [{"params": "x"}]}]
    for bad in bodies:
        with pytest.raises(Unreadable):
            pieces_of(call(json.dumps(bad).encode(), "messages/batches", wire="anthropic"))
    assert pieces_of(call(b"{}", "messages/batches", "msgbatch_1/cancel", wire="anthropic")) is None


@pytest.mark.parametrize(
    ("resource", "rest", "body", "expected"),
    [
        ("threads", "t/messages", {"role": "user", "content": "a"}, ["a"]),
        ("threads", "t/messages", {"role": "user", "content": [{"type": "text", "text": "a"}]}, ["a"]),
        (
            "threads",
            None,
            {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]},
            ["a", "b"],
        ),
        (
            "threads",
            "runs",
            {"instructions": "i", "thread": {"messages": [{"role": "user", "content": "a"}]}},
            ["i", "a"],
        ),
        (
            "threads",
            "t/runs",
            {"additional_instructions": "i", "additional_messages": [{"role": "user", "content": "a"}]},
            ["i", "a"],
        ),
        ("threads", "t/runs/r/submit_tool_outputs", {"tool_outputs": [{"tool_call_id": "c", "output": "o"}]}, ["o"]),
        ("assistants", None, {"model": "m", "instructions": "i", "description": "d"}, ["i", "d"]),
        (
            "conversations",
            "c/items",
            {
                "items": [
                    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
                    {"type": "function_call_output", "call_id": "c", "output": "o"},
                ]
            },
            ["a", "o"],
        ),
    ],
)
def test_what_is_put_into_threads(resource: str, rest: str | None, body: dict[str, Any], expected: list[str]) -> None:
    pieces = found(json.dumps(body).encode(), resource, rest)
    assert texts(pieces) == [expected]
    assert pieces.rebuilt({0: b'{"a":1}'}) == b'{"a":1}'


def test_what_videos_and_caches_are_made_of() -> None:
    contents = b'{"model": "models/m", "contents": [{"role": "user", "parts": [{"text": "a"}]}]}'
    assert texts(found(contents, "v1beta/cachedContents", wire="gemini")) == [["a"]]
    assert texts(found(b'{"prompt": "a", "model": "m"}', "videos")) == [["a"]]
    body = form(b"picture", prompt="a")
    pieces = found(body, "videos")
    assert texts(pieces) == [["a"]]
    assert pieces.rebuilt({0: b'{"purpose": "batch", "prompt": "b"}'}) == form(b"picture", prompt="b")
    with pytest.raises(Unreadable, match="boundary"):
        pieces.rebuilt({0: b'{"purpose": "batch", "prompt": "--b0undary"}'})


def test_chats_that_a_model_is_trained_with() -> None:
    pieces = found(form(CHAT + b"\n" + CHAT + b"\n", "fine-tune"))
    assert texts(pieces) == [["hi"], ["hi"]]
    assert pieces.rebuilt({1: b"{}"}) == form(CHAT + b"\n{}\n", "fine-tune")
    assert pieces_of(call(form(b'{"prompt": "a", "completion": "b"}', "fine-tune"))) is None
    assert pieces_of(call(form(b"no JSON", "fine-tune"))) is None


def test_what_holds_no_request() -> None:
    assert pieces_of(call(form(b"%PDF", "user_data"))) is None
    assert pieces_of(call(b"{}", "vector_stores")) is None
    assert pieces_of(call(b"{}", "files")) is None
    assert pieces_of(call(b'{"purpose": "vision"}', "uploads")) is None
    with pytest.raises(Unreadable, match="in parts"):
        pieces_of(call(b'{"purpose": "batch"}', "uploads"))
    reading = call(b"{}", "threads")
    reading.account.method = "GET"
    assert pieces_of(reading) is None
