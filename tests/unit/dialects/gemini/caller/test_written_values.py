"""Arguments and answers keep their bytes."""

import pytest

from penstock.core.body import Body
from penstock.core.chat import (
    TextPart,
    ToolCall,
    ToolResult,
)
from penstock.dialects.gemini.caller.contents import read_contents
from penstock.dialects.gemini.caller.written_values import written_values


def test_arguments_and_answers_keep_their_bytes() -> None:
    body = (
        b'[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"n": 1.50}}}]},{"parts":[{"functionResponse":'
    )
    body += b'{"name":"f","response":{"a": 1e2, "b": 2}}}]}]'
    said, told = read_contents(Body.parse(b'{"contents":' + body + b"}"))
    assert isinstance(said.parts[0], ToolCall)
    assert said.parts[0].arguments == '{"n": 1.50}'
    assert isinstance(told.parts[0], ToolResult)
    assert told.parts[0].parts == (TextPart('{"a": 1e2, "b": 2}'),)


@pytest.mark.parametrize(
    "contents", [b'{"parts":[{"functionCall":{"args":{}}}]}', b'[{"parts":[{"functionCall":1}]}]', b"[]"]
)
def test_without_contents_that_can_be_read_no_bytes_are_told(contents: bytes) -> None:
    assert written_values(contents) == {}
