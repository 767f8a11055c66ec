"""Ollama's messages: results find their calls without ids."""

from typing import Any

import pytest

from own_wires import HI, OLLAMA, asked, refused
from penstock.core.chat import AudioPart, ImagePart, Inline, ReasoningPart, TextPart, ToolCall, ToolResult


def call(name: str, **more: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": {"a": 1}}, **more}


def turn(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": "", "tool_calls": list(calls), **more}


def ids(*messages: Any) -> tuple[list[str], list[str]]:
    """The ids of all calls, and of all results."""
    parts = [part for message in asked(OLLAMA, messages=[HI, *messages]).messages for part in message.parts]
    return [p.id for p in parts if isinstance(p, ToolCall)], [p.id for p in parts if isinstance(p, ToolResult)]


def result(**more: Any) -> dict[str, Any]:
    return {"role": "tool", "content": "ok", **more}


def test_results_answer_calls_by_id_by_name_and_in_order() -> None:
    made, answered = ids(turn(call("f"), call("g"), call("f")), *[result(tool_name=n) for n in ("g", "f", "f")])
    assert answered == [made[1], made[0], made[2]]
    made, answered = ids(turn(call("f"), call("g")), result(), result())
    assert answered == made
    made, answered = ids(turn(call("f", id="x"), call("f", id="y")), result(tool_call_id="y"), result(tool_name="f"))
    assert (made, answered) == (["x", "y"], ["y", "x"])
    made, answered = ids(turn(call("f")), result(), turn(call("f")), result())
    assert len(set(made)) == 2
    assert answered == made


def test_a_result_without_a_call_is_a_text_of_the_users() -> None:
    messages = [HI, {"role": "assistant", "content": "I read."}, result(tool_name="f", content="It rains.")]
    last = asked(OLLAMA, messages=messages).messages[-1]
    assert (last.role, last.parts) == ("user", (TextPart("It rains."),))


def test_a_turn_thinks_says_and_calls() -> None:
    (_, message) = asked(OLLAMA, messages=[HI, turn(call("f"), content="Well", thinking="Hm")]).messages
    thought, text, made = message.parts
    assert (thought, text) == (ReasoningPart("Hm"), TextPart("Well"))
    assert isinstance(made, ToolCall)
    assert (made.name, made.arguments) == ("f", '{"a":1}')


def test_images_and_sounds() -> None:
    images = ["iVBORw0KGgo=", "data:image/webp;base64,AA", "UklGRgAAAABXQVZF"]
    (message,) = asked(OLLAMA, messages=[{**HI, "images": images}]).messages
    assert message.parts == (
        ImagePart(Inline("image/png", "iVBORw0KGgo=")),
        ImagePart(Inline("image/webp", "AA")),
        AudioPart(Inline("audio/wav", "UklGRgAAAABXQVZF"), "wav"),
        TextPart("Hi"),
    )


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (3, "messages[0]"),
        ({"role": "x", "content": ""}, "messages[0].role"),
        ({"role": "user", "content": ["a"]}, "messages[0].content"),
        ({**HI, "images": "x"}, "messages[0].images"),
        ({**HI, "images": [3]}, "messages[0].images[0]"),
        ({"role": "assistant", "tool_calls": {}}, "messages[0].tool_calls"),
        ({"role": "assistant", "tool_calls": [{}]}, "messages[0].tool_calls[0].function.name"),
    ],
)
def test_what_is_wrong(message: Any, path: str) -> None:
    assert refused(OLLAMA, messages=[message]).param == path
