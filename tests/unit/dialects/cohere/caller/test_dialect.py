"""Cohere as callers speak it, as one value."""

from own_wires import COHERE
from penstock.core.body import Body
from penstock.dialects.dialect import WriteContext

BODY = Body.parse(b'{"messages":[]}')


def test_bytes_pass_as_they_are() -> None:
    context = WriteContext("m", "cohere")
    assert COHERE.replies.include_usage(BODY)
    assert COHERE.replies.with_usage(BODY) is BODY
    fitted = COHERE.relay.fit_request(BODY, context)
    assert fitted == type(fitted)(BODY)  # type: ignore[call-arg, arg-type]
    assert (COHERE.relay.plain(context), COHERE.relay.stream(context), COHERE.relay.normalizer(context, True)) == (
        None,
        None,
        None,
    )
