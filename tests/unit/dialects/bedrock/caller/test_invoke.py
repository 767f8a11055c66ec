"""Claude by InvokeModel: Anthropic's wire with the model in the path, AWS's frames and errors."""

from __future__ import annotations

from penstock.core.failure import Failure
from penstock.dialects.bedrock.caller.errors import ERRORS
from penstock.dialects.bedrock.caller.frames import INVOKE_FORM
from penstock.dialects.bedrock.caller.invoke import INVOKE, read_message_body
from penstock.dialects.caller import RequestBody


def test_it_is_anthropics_wire_in_aws_dress() -> None:
    assert INVOKE.name == "anthropic"
    assert INVOKE.errors is ERRORS
    assert INVOKE.delivery.stream_form is not None
    assert INVOKE.delivery.stream_form("") is INVOKE_FORM


def test_other_makers_bodies_are_told_where_to_go() -> None:
    failure = read_message_body(b'{"inputText":"Hi"}')
    assert isinstance(failure, Failure)
    assert (failure.status, "/v1/embeddings" in failure.message) == (501, True)
    assert isinstance(read_message_body(b'{"messages":[]}'), RequestBody)
