from typing import Any

import pytest

from penstock.guards.member_case import in_other_case

CALL = {"id": "c", "type": "function", "function": {"name": "Content", "arguments": '{"Text": 1}'}}


def asked(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages), **more}


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"model": "m", "Messages": []}, "Messages"),
        (asked({"role": "user", "Content": "x"}), "Content"),
        (asked({"role": "user", "content": "x", "CONTENT": "y"}), "CONTENT"),
        (asked({"role": "user", "content": [{"type": "text", "Text": "x"}]}), "Text"),
        (asked({"role": "user", "content": [{"type": "tool_result", "content": [{"TEXT": "x"}]}]}), "TEXT"),
        (asked({"role": "assistant", "tool_calls": [{**CALL, "Function": {}}]}), "Function"),
        (asked({"role": "assistant", "tool_calls": [{"function": {"Arguments": "{}"}}]}), "Arguments"),
        ({"contents": [{"role": "user", "Parts": [{"text": "x"}]}]}, "Parts"),
        ({"input": [{"role": "user", "Content": "x"}]}, "Content"),
        (asked({"role": "user", "content": "Content"}), ""),
        (asked({"role": "assistant", "content": None, "tool_calls": [CALL]}), ""),
        (asked({"role": "assistant", "content": [{"type": "tool_use", "input": {"Text": "x"}}]}), ""),
        (asked(tools=[{"function": {"parameters": {"properties": {"Content": {}}}}}], metadata={"Text": "x"}), ""),
        (
            {
                "contents": [{"parts": [{"functionCall": {"name": "f", "args": {"Query": "x"}}}]}],
                "systemInstruction": {},
            },
            "",
        ),
        ({"inputText": "x"}, ""),
    ],
)
def test_a_name_in_another_case_is_found_where_texts_stand(body: dict[str, Any], name: str) -> None:
    assert in_other_case(body, body) == name


def test_no_text_stands_as_deep_as_a_body_may_nest() -> None:
    nested: list[Any] = [{"Content": "x"}]
    for _ in range(500):
        nested = [{"content": nested}]
    assert in_other_case((), {"messages": nested}) == ""
