"""Gemini's contents become messages: results with their calls, signatures and foreign thoughts in their places."""

import base64
from typing import Any

import pytest

from gemini_caller import HI, asked, refused
from penstock.core.chat import (
    AudioPart,
    FilePart,
    ImagePart,
    Inline,
    Link,
    NativePart,
    Owner,
    ReasoningPart,
    Stored,
    TextPart,
    ToolCall,
    ToolResult,
)
from penstock.dialects.envelope import ON_CALL, Block, Envelope, seal


def model(*parts: Any) -> Any:
    return {"role": "model", "parts": list(parts)}


def call(name: str, args: Any = None, **members: Any) -> Any:
    return {"functionCall": {"name": name, "args": args or {}}, **members}


def answer(*contents: Any) -> tuple[Any, ...]:
    """The parts of the model's turn, which is the last of these contents."""
    return asked(HI, *contents).messages[-1].parts


def test_roles_and_sugar() -> None:
    assert [message.role for message in asked(HI, model({"text": "a"}), {"parts": [{"text": "b"}]}).messages] == [
        "user",
        "assistant",
        "user",
    ]
    for contents in ("Hi", HI, {"parts": {"text": "Hi"}}, {"parts": ["Hi"]}):
        assert asked(contents=contents).messages[0].parts == (TextPart("Hi"),)


def test_chunks_of_a_stream_are_one_turn() -> None:
    """Google's SDK keeps each chunk as a content, also the last, in which nothing is said after the call."""
    chunks = [model({"text": "Hm", "thought": True}), model({"text": "m", "thought": True}), model({"text": "I lo"})]
    chunks += [model({"text": "ok."}, {"text": " And"}), model(call("f")), {"role": "model"}, model({"text": ""})]
    result = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "x"}}}]}
    messages = asked(HI, *chunks, result).messages
    assert [message.role for message in messages] == ["user", "assistant", "tool"]
    thought, text, called = messages[1].parts
    assert (thought, text) == (ReasoningPart("Hmm"), TextPart("I look. And"))
    assert isinstance(called, ToolCall)
    assert messages[2].parts == (ToolResult(called.id, (TextPart("x"),), "f"),)


def test_a_signed_thought_is_joined_with_no_other() -> None:
    signed = {"text": "a", "thought": True, "thoughtSignature": "c2ln"}
    assert answer(model(signed, {"text": "b", "thought": True}), model({"text": "c"})) == (
        ReasoningPart("a", "c2ln", "", Owner.GOOGLE),
        ReasoningPart("b"),
        TextPart("c"),
    )


def test_results_answer_by_id_or_by_name_and_order() -> None:
    calls = model(call("f", {"n": 1}), {"function_call": {"id": "own", "name": "g"}}, call("f"))
    results = {
        "role": "function",
        "parts": [
            {"functionResponse": {"id": "own", "name": "other", "response": {"result": [1]}}},
            {"functionResponse": {"name": "f", "response": {"output": "one"}}},
            {"text": "beside"},
            {"function_response": {"name": "f", "response": {"error": "two"}, "parts": []}},
        ],
    }
    _, said, *told = asked(HI, calls, results).messages
    ids = [part.id for part in said.parts if isinstance(part, ToolCall)]
    assert ids[1] == "own"
    assert len(set(ids)) == 3
    assert [message.parts[0] for message in told[:3]] == [
        ToolResult("own", (TextPart("[1]"),), "g"),
        ToolResult(ids[0], (TextPart("one"),), "f"),
        ToolResult(ids[2], (TextPart("two"),), "f", is_error=True),
    ]
    assert (told[3].role, told[3].parts) == ("user", (TextPart("beside"),))


def test_arguments_and_answers_keep_their_bytes() -> None:
    body = (
        b'[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"n": 1.50}}}]},{"parts":[{"functionResponse":'
    )
    body += b'{"name":"f","response":{"a": 1e2, "b": 2}}}]}]'
    from penstock.core.body import Body
    from penstock.dialects.gemini.caller.contents import read_contents

    said, told = read_contents(Body.parse(b'{"contents":' + body + b"}"))
    assert isinstance(said.parts[0], ToolCall)
    assert said.parts[0].arguments == '{"n": 1.50}'
    assert isinstance(told.parts[0], ToolResult)
    assert told.parts[0].parts == (TextPart('{"a": 1e2, "b": 2}'),)


def test_googles_own_signatures_stay_in_their_places() -> None:
    found = answer(
        model(
            {"text": "Hm", "thought": True, "thoughtSignature": "s1"},
            {"text": "Well", "thought_signature": "s2"},
            call("f", thoughtSignature="s3"),
            {"text": "", "thoughtSignature": "s4"},
        )
    )
    google = Owner.GOOGLE
    assert found == (
        ReasoningPart("Hm", "s1", "", google),
        ReasoningPart("", "s2", "", google),
        TextPart("Well"),
        ToolCall("call_1_2", "f", "{}", "s3", google),
        ReasoningPart("", "s4", "", google),
    )


@pytest.mark.parametrize("word", ["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"])
def test_a_stand_in_is_no_signature(word: str) -> None:
    assert answer(model(call("f", thoughtSignature=word))) == (ToolCall("call_1_0", "f", "{}"),)


def sealed(*blocks: Block, owner: str = Owner.ANTHROPIC) -> str:
    return base64.urlsafe_b64encode(base64.b64decode(seal(Envelope(owner, "claude", blocks)))).decode().rstrip("=")


@pytest.mark.parametrize("keeps_thoughts", [True, False])
def test_foreign_thoughts_come_back_from_an_envelope_once(keeps_thoughts: bool) -> None:
    envelope = sealed(Block("First", "sig?>", place="0"), Block("Then", "sig2", place="1"))
    shown = [{"text": "First", "thought": True}] if keeps_thoughts else []
    found = answer(model(*shown, {"text": "I"}, {"text": " look"}, call("f", thoughtSignature=envelope)))
    assert found == (
        ReasoningPart("First", "sig?>", "", Owner.ANTHROPIC),
        TextPart("I look"),
        ReasoningPart("Then", "sig2", "", Owner.ANTHROPIC),
        ToolCall("call_1_" + ("3" if keeps_thoughts else "2"), "f", "{}"),
    )


def test_an_envelope_on_a_last_part_and_the_signature_of_a_call() -> None:
    last = sealed(Block("T", "s", place="0"))
    assert answer(model({"text": "Hi"}, {"text": "", "thoughtSignature": last})) == (
        ReasoningPart("T", "s", "", Owner.ANTHROPIC),
        TextPart("Hi"),
    )
    signed = sealed(Block(signature="s", place=ON_CALL), owner="openai")
    assert answer(model(call("f", thoughtSignature=signed))) == (ToolCall("call_1_0", "f", "{}", "s", "openai"),)
    assert answer(model(call("f", thoughtSignature="cG5zdGsxgarbage"))) == (ToolCall("call_1_0", "f", "{}"),)


def test_media() -> None:
    data = [
        {"inlineData": {"mimeType": "image/png", "data": "a-_b"}},
        {"inline_data": {"mime_type": "audio/mpeg", "data": "aa=="}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "https://x/a.pdf"}},
        {"fileData": {"fileUri": "files/1"}},
    ]
    assert asked({"parts": data}).messages[0].parts == (
        ImagePart(Inline("image/png", "a+/b")),
        AudioPart(Inline("audio/mpeg", "aa=="), "mp3"),
        FilePart(Link("https://x/a.pdf", "application/pdf")),
        FilePart(Stored("files/1", "", Owner.GOOGLE)),
    )


def test_what_only_google_has_is_kept_with_words() -> None:
    (part,) = answer(model({"executable_code": {"language": "PYTHON", "code": "1+1"}}))
    assert isinstance(part, NativePart)
    assert (part.owner, part.text) == (Owner.GOOGLE, "```python\n1+1\n```")


@pytest.mark.parametrize(
    ("content", "param"),
    [
        ({"role": "nobody"}, "contents[0].role"),
        ({"parts": 3}, "contents[0].parts"),
        (model({"functionCall": {"args": {}, "id": "x"}}), "contents[0].parts[0].functionCall.name"),
        (model({"functionCall": {"name": "f", "args": []}}), "contents[0].parts[0].functionCall.args"),
        ({"parts": [{"inlineData": {"mimeType": "image/png"}}]}, "contents[0].parts[0].inlineData.data"),
        ({"parts": [{"fileData": {"mimeType": "image/png"}}]}, "contents[0].parts[0].fileData.fileUri"),
        ({"parts": []}, "contents"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(content: Any, param: str) -> None:
    assert refused(content).param == param
