"""A whole response is that of its stream: only what the writer can't keep is refused."""

from __future__ import annotations

import pytest

from penstock.core.events import Event, Refusal, Start, Stop, Text, ToolArgs, ToolStart, collect
from penstock.core.failure import Failure
from penstock.core.usage import Usage
from penstock.dialects.responses.caller.reply import write_reply
from responses_wire import CAPTION, plain


def test_calls_stand_where_they_were_made() -> None:
    events: list[Event] = [
        Start("x", "m"),
        Text("a", 0, 0),
        ToolStart(0, "f", "c0"),
        ToolArgs("{}", 0),
        Text("b", 0, 1),
        ToolStart(1, "g", "c1"),
        Refusal("no"),
        Usage(1, 2, 3),
        Stop("stop"),
    ]
    response = plain(*events)
    kinds = [item["type"] for item in response["output"]]
    assert kinds == ["message", "function_call", "message", "function_call"]
    assert response["usage"]["total_tokens"] == 3


def test_an_answer_that_is_too_long_to_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.dialects.responses.caller.stream._MOST", 10)
    failure = write_reply(collect([Text("a" * 60)]), CAPTION)
    assert isinstance(failure, Failure)
    assert failure.status == 502
