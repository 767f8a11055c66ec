"""One choice of a stream: its calls, their ids, and how it ends."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from normalizing import CALL, CALL_ENDED, ROLE, STOP, TEXT, arguments, call, chunk, normalized


def added_up(*chunks: Any) -> dict[str, Any]:
    """The message that OpenAI's SDK makes of the mended chunks."""
    state = ChatCompletionStreamState()
    for each in normalized(*chunks):
        list(state.handle_chunk(ChatCompletionChunk.model_validate(each)))
    found: dict[str, Any] = state.get_final_completion().choices[0].message.to_dict()
    return found


def test_choices_are_told_apart() -> None:
    def second(each: dict[str, Any]) -> dict[str, Any]:
        found = deepcopy(each)
        found["choices"][0]["index"] = 1
        return found

    sound = [ROLE, second(ROLE), second(CALL), TEXT, second(arguments("{}")), STOP, second(CALL_ENDED)]
    without_role = second(chunk({"content": None, "tool_calls": CALL["choices"][0]["delta"]["tool_calls"]}))
    assert normalized(*sound) == [ROLE, second(ROLE), without_role, *sound[3:]]


def test_calls_without_an_id_get_one_in_streams() -> None:
    """docs/quirks.md#q100: the same as ever, another one for each call and each choice."""
    given = [ROLE, chunk({"tool_calls": [call(index=0, id=""), call(index=1, id=None)]}), arguments(" ", 1), CALL_ENDED]
    found = normalized(*given)
    first, second = (each["id"] for each in found[1]["choices"][0]["delta"]["tool_calls"])
    assert first != second
    assert first.startswith("call_")
    assert normalized(*given) == found


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        ([chunk({"role": "assistant", "content": part}) for part in ("H", "i", "!")] + [STOP], {"role": "assistant", "content": "Hi!"}),
        ([TEXT, chunk({"tool_calls": [call()]}, "tool_calls")], {"role": "assistant", "content": "Hi", "tool_calls": [call(index=0)]}),
        ([chunk({"tool_calls": [call(index=1, function={"name": "f", "arguments": "{"})]}), chunk({"tool_calls": [call(index=1, function={"name": "f", "arguments": "}"})]}), CALL_ENDED], {"role": "assistant", "tool_calls": [call(index=0)]}),
        ([CALL, arguments("{}", id=None, type=None), chunk({"tool_calls": None}, "tool_calls")], {"role": "assistant", "content": None, "tool_calls": [call(index=0)]}),
        ([chunk({"tool_calls": [call(), call()]}), CALL_ENDED], {"role": "assistant", "tool_calls": [call(index=0), call(index=1)]}),
        ([chunk({"tool_calls": [call()]}), chunk({"tool_calls": [call(function={"name": "g", "arguments": "{}"})]}), CALL_ENDED], {"role": "assistant", "tool_calls": [call(index=0), call(index=1, function={"name": "g", "arguments": "{}"})]}),
        ([chunk({"tool_calls": [call(function={"name": ""})]}), chunk({"tool_calls": [call()]}), CALL_ENDED], {"role": "assistant", "tool_calls": [call(index=0)]}),
        ([ROLE, *(chunk({"tool_calls": [call(index=0, function={"name": name, "arguments": ""})]}) for name in ("get_", "f", "get_f")), arguments("{}"), CALL_ENDED], {"tool_calls": [call(index=0, function={"name": "get_f", "arguments": "{}"})]}),
        ([chunk(choices=[{"finish_reason": None}], object=""), TEXT, CALL_ENDED], {"role": "assistant", "content": "Hi"}),
    ],
)  # fmt: skip
def test_the_openai_sdk_adds_up_what_was_meant(chunks: list[dict[str, Any]], message: dict[str, Any]) -> None:
    found = added_up(*chunks)
    for each in found.get("tool_calls") or []:
        del each["function"]["parsed_arguments"]
    assert {name: value for name, value in found.items() if name in message} == message
