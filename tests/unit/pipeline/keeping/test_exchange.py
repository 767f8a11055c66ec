"""What is kept of a request, as an attempt sends it."""

from __future__ import annotations

from penstock.core.body import Body
from penstock.core.chat import Echo
from penstock.pipeline.keeping.exchange import Keeping
from penstock.pipeline.rewrite import Rewritten

REWRITTEN = Rewritten(b"", Body({}), ("store", "user"), echo=Echo({"user": b'"u"'}))


def test_the_answer_says_that_it_is_kept() -> None:
    keeping = Keeping(b"", 100, "resp_kept_1")
    noted = keeping.noted(Body({"input": b'"Hello"'}), REWRITTEN)
    assert keeping.input == b'"Hello"'
    assert noted.dropped == ("user",)
    assert noted.echo.members == {"user": b'"u"', "store": b"true", "previous_response_id": b'"resp_kept_1"'}


def test_an_input_that_is_too_long_is_not_kept() -> None:
    keeping = Keeping(b"", 5)
    assert keeping.noted(Body({"input": b'"Hello"'}), REWRITTEN) is REWRITTEN
    assert keeping.input is None


def test_the_last_attempt_counts() -> None:
    keeping = Keeping(b"", 100)
    keeping.noted(Body({"input": b'"secret"'}), REWRITTEN)
    keeping.noted(Body({"input": b'"[masked]"'}), REWRITTEN)
    assert keeping.input == b'"[masked]"'
