"""Gemini as callers speak it, as one value."""

from penstock.core.body import Body
from penstock.dialects.dialect import WriteContext
from penstock.dialects.gemini.caller.dialect import GEMINI

BODY = Body.parse(b'{"contents":[]}')


def test_streams_always_tell_their_usage_and_pass_as_they_are() -> None:
    assert GEMINI.replies.include_usage(BODY)
    assert GEMINI.replies.with_usage(BODY) is BODY
    context = WriteContext("m", "google")
    assert (GEMINI.relay.plain(context), GEMINI.relay.stream(context), GEMINI.relay.normalizer(context, True)) == (
        None,
        None,
        None,
    )
    assert b":" not in GEMINI.delivery.keep_alive[:1]
