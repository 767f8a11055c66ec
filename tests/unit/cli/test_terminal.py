"""A completion on a terminal: text as it arrives, errors told."""

import pytest

from commands import CHUNK, STREAM, Gateway, installed, run


def test_chat_shows_a_stream_whatever_its_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = CHUNK % b"Hel" + b": a comment\n\n" + CHUNK % b"lo" + b"data: [DONE]\n\n"
    gateway = Gateway(*(stream[at : at + 7] for at in range(0, len(stream), 7)), content_type=STREAM)
    installed(monkeypatch, gateway)
    result = run("chat", "Hi")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Hello\n", "")
    assert gateway.headers == {"content-type": "application/json", "x-portkey-provider": "echo"}
    assert gateway.body == {"model": "echo", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    assert gateway.lifespan == ["lifespan.startup", "lifespan.shutdown"]


@pytest.mark.parametrize(
    ("gateway", "message"),
    [
        (Gateway(b'{"error": {"message": "No key."}}', status=401), "No key."),
        (Gateway(b"<h1>Bad\n", status=502, content_type="text/html"), "status 502: <h1>Bad"),
        (Gateway(b'{"error": "own idea"}', status=400), 'status 400: {"error": "own idea"}'),
        (Gateway(b"data: {\n\n", content_type=STREAM), "the reply is no chat completion"),
        (Gateway(b"<html>"), "the reply is no chat completion"),
    ],
)
def test_chat_tells_an_error(monkeypatch: pytest.MonkeyPatch, gateway: Gateway, message: str) -> None:
    installed(monkeypatch, gateway)
    result = run("chat", "Hi")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {message}\n")
    assert gateway.lifespan == ["lifespan.startup", "lifespan.shutdown"]


def test_chat_keeps_what_came_before_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Gateway(CHUNK % b"Hel", b'data: {"error": {"message": "It broke."}}\n\n', content_type=STREAM)
    installed(monkeypatch, broken)
    result = run("chat", "Hi")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "Hel\n", "Error: It broke.\n")


def test_chat_shows_one_of_several_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    other = b'data: {"choices": [{"index": 1, "delta": {"content": "other"}}]}\n\n'
    installed(monkeypatch, Gateway(CHUNK % b"one", other, content_type=STREAM))
    assert run("chat", "Hi").stdout == "one\n"


def test_chat_says_so_when_there_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    called = b'data: {"choices": [{"delta": {"tool_calls": []}, "finish_reason": "tool_calls"}]}\n\n'
    installed(monkeypatch, Gateway(called, content_type=STREAM))
    result = run("chat", "Hi")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "The reply has no text (finish reason: tool_calls).\n"
