import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.dialects.remaining_texts import TEXTLESS
from penstock.guards.member_names import among_others, coming_twice, in_other_case, members_in

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


def test_no_member_without_texts_is_taken_for_one_with_texts() -> None:
    """A body of such members alone needs no look at their names."""
    assert among_others(TEXTLESS) == ""


def test_letters_that_fold_to_ascii_are_other_letters_of_a_name() -> None:
    assert among_others(["model", "me\u017f\u017fages"]) == "me\u017f\u017fages"
    assert in_other_case(["messages"], asked({"role": "user", "\u212aind": "x", "content": "y"})) == ""


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ('[{"role": "user", "content": "a", "content": "b"}]', "content"),
        ('[{"role":"user","content" :"a","content":"b"}]', "content"),
        ('[{"role":"user","content"\t\n:"a","content":"b"}]', "content"),
        (r'[{"role":"user","c\u006fntent":"a","content":"b"}]', "content"),
        ('[{"content":[{"type":"text","text":"a","text":"b"}]}]', "text"),
        # What hides one member among the others: a name that ends with a backslash looks like a quote in a text.
        (r'[{"a\\":1,"content":"a","content":"b"}]', "content"),
        (r'[{"a\\\\":1,"content":"a","content":"b"}]', "content"),
        (r'[{"content":"\":","content":"b"}]', "content"),
        (r'[{"content":"a: b","text":"\\\":"}]', ""),
        (r'[{"content":"{\"content\": 1, \"content\": 2}"}]', ""),
        (r'[{"content":"\\","text":"\\: \\\" : x"}]', ""),
        ('[{"content" : "a : b"}]', ""),
        ('[{"content":"::"},{"content":"http://x"}]', ""),
        ("[]", ""),
        ('"a:b"', ""),
        ('[{"a":' + "9" * 5000 + ',"b":1e999,"content" :1}]', ""),
    ],
)
def test_a_member_that_comes_twice_is_found(raw: str, name: str) -> None:
    value = json.loads(raw, parse_int=len)
    assert coming_twice(raw.encode(), members_in(value)) == name


@given(
    st.recursive(
        st.text(':"\\ {}a', max_size=6),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(st.tuples(st.sampled_from(["a", "b", '"', "\\", "a\\", ":"]), inner), max_size=3).map(tuple)
        ),
        max_leaves=8,
    ),
    st.sampled_from([":", ": ", " : ", "\n:"]),
)
def test_every_member_that_comes_twice_is_found(value: Any, colon: str) -> None:
    doubles: list[str] = []

    def written(each: Any) -> str:
        if isinstance(each, str):
            return json.dumps(each)
        if isinstance(each, list):
            return f"[{','.join(map(written, each))}]"
        names = [name for name, _ in each]
        doubles.extend(name for name in names if names.count(name) > 1)
        return "{" + ",".join(json.dumps(name) + colon + written(inner) for name, inner in each) + "}"

    raw = written(value)
    found = coming_twice(raw.encode(), members_in(json.loads(raw)))
    assert found in doubles if doubles else found == ""
