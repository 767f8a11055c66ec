"""The value that stands for callers of Responses."""

from __future__ import annotations

from penstock.core.body import Body
from penstock.dialects.dialect import WriteContext
from penstock.dialects.registry import CALLERS


def test_replies_pass_as_they_are() -> None:
    dialect, context, body = CALLERS["responses"], WriteContext("m"), Body({"model": b'"m"'})
    assert dialect.replies.include_usage(body)
    assert dialect.replies.with_usage(body) is body
    assert dialect.relay.plain(context) is None
    assert dialect.relay.stream(context) is None
    assert dialect.relay.normalizer(context, True) is None
