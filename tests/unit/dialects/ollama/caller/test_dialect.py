"""Ollama as callers speak it, as values."""

from own_wires import GENERATE, OLLAMA
from penstock.core.body import Body
from penstock.dialects.dialect import WriteContext
from penstock.dialects.ollama.lines import LINES, LineEvents

BODY = Body.parse(b'{"messages":[]}')


def test_bytes_pass_and_streams_are_lines() -> None:
    context = WriteContext("m", "ollama")
    for dialect in (OLLAMA, GENERATE):
        assert dialect.replies.include_usage(BODY)
        assert dialect.replies.with_usage(BODY) is BODY
        fitted = dialect.relay.fit_request(BODY, context)
        assert fitted == type(fitted)(BODY)  # type: ignore[call-arg, arg-type]
        assert (dialect.relay.plain(context), dialect.relay.normalizer(context, True)) == (None, None)
        assert isinstance(dialect.relay.stream(context), LineEvents)
        assert dialect.delivery.stream_form is not None
        assert dialect.delivery.stream_form("") is LINES
    assert OLLAMA.name != GENERATE.name
