"""The messages of a caller of Converse, block by block."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from converse_caller import HI, asked, assistant, refused, user
from penstock.core.chat import (
    AudioPart,
    FilePart,
    ImagePart,
    Inline,
    Link,
    Message,
    NativePart,
    Owner,
    Part,
    ReasoningPart,
    TextPart,
    ToolCall,
    ToolResult,
)
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.envelope import ON_CALL, Block, Envelope, seal
from penstock.dialects.registry import DIALECTS

CACHED = {"cachePoint": {"type": "default", "ttl": "1h"}}
MARK = {"type": "ephemeral", "ttl": "1h"}
USE = {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"a": 1}}}


def part(block: dict[str, Any]) -> Part:
    (found,) = asked(user({"text": "Look"}, block)).messages[-1].parts[1:]
    return found


def test_text_in_its_blocks() -> None:
    (message,) = asked(user({"text": "a"}, {"text": ""}, {"text": "b"})).messages
    assert message == Message("user", (TextPart("a"), TextPart("b")), "", "messages[0]")


def test_files_of_every_kind() -> None:
    source = {"bytes": "AAAA"}
    assert part({"image": {"format": "jpeg", "source": source}}) == ImagePart(Inline("image/jpeg", "AAAA"))
    linked = {"format": "mp4", "source": {"s3Location": {"uri": "s3://b/k"}}}
    assert part({"video": linked}) == FilePart(Link("s3://b/k", "video/mp4"))
    assert part({"audio": {"format": "wav", "source": source}}) == AudioPart(Inline("audio/wav", "AAAA"), "wav")
    named = {"format": "pdf", "name": "Report", "source": source, "citations": {"enabled": True}}
    extras = {"citations": {"enabled": True}}
    assert part({"document": named}) == FilePart(Inline("application/pdf", "AAAA"), "Report.pdf", None, extras)


@pytest.mark.parametrize("source", [{"text": "words"}, {"content": [{"text": "words"}]}])
def test_a_document_may_be_text(source: dict[str, Any]) -> None:
    data = base64.b64encode(b"words").decode()
    assert part({"document": {"name": "Notes", "source": source}}) == FilePart(Inline("text/plain", data), "Notes.txt")


def test_a_source_that_the_caller_found_is_claudes_too() -> None:
    found = part({"searchResult": {"source": "https://x", "title": "X", "content": [{"text": "so"}]}})
    assert isinstance(found, NativePart)
    assert (found.owner, found.text) == (Owner.ANTHROPIC, "X (https://x)\nso")
    assert found.value["content"] == [{"type": "text", "text": "so"}]


def test_what_only_bedrock_has_keeps_its_words() -> None:
    found = part({"guardContent": {"text": {"text": "judge me", "qualifiers": ["query"]}}})
    assert isinstance(found, NativePart)
    assert (found.owner, found.text) == (Owner.AMAZON, "judge me")
    assert isinstance(part({"toolAddition": {"tool": {}}}), NativePart)


def test_calls_and_their_results() -> None:
    result = {"toolResult": {"toolUseId": "t1", "content": [{"json": {"n": 2}}, {"text": "so"}], "status": "error"}}
    call, answer, beside = asked(HI, assistant({"text": "."}, USE), user({"text": "And?"}, result)).messages[1:]
    assert call.parts == (TextPart("."), ToolCall("t1", "f", '{"a": 1}'))
    told = ToolResult("t1", (TextPart('{"n":2}'), TextPart("so")), "f", is_error=True)
    assert (answer.role, answer.parts) == ("tool", (told,))
    assert (beside.role, beside.parts) == ("user", (TextPart("And?"),))


def test_a_cache_point_marks_what_stands_before_it() -> None:
    result = {"toolResult": {"toolUseId": "t1", "content": [{"text": "so"}]}}
    messages = asked(
        user(CACHED, {"text": "a"}, CACHED), assistant(USE, CACHED), user(result, CACHED, {"text": "b"})
    ).messages
    caches = [getattr(each, "cache", None) for message in messages for each in message.parts]
    assert caches == [MARK, MARK, MARK, None]


def test_thoughts_come_back_as_their_maker_has_them() -> None:
    own = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}}
    bare = {"reasoningContent": {"reasoningText": {"text": "hm"}}}
    hidden = {"reasoningContent": {"redactedContent": base64.b64encode(b"secret").decode()}}
    foreign = seal(Envelope(Owner.OPENAI, "gpt", (Block("", "enc", "", "rs_1"),)))
    sealed = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": foreign}}}
    answer = asked(HI, assistant(own, bare, hidden, sealed, {"text": "a"})).messages[-1]
    assert answer.parts == (
        ReasoningPart("hm", "sig", "", Owner.ANTHROPIC),
        ReasoningPart("hm"),
        ReasoningPart("", "", "secret", Owner.ANTHROPIC),
        ReasoningPart("hm", "enc", "", Owner.OPENAI),
        TextPart("a"),
    )


def test_the_signature_of_a_foreign_call_goes_back_to_it() -> None:
    sealed = seal(Envelope(Owner.GOOGLE, "gemini", (Block(signature="sig", place=ON_CALL),)))
    before = {"reasoningContent": {"reasoningText": {"text": "", "signature": sealed}}}
    answer = asked(HI, assistant(before, USE)).messages[-1]
    assert answer.parts == (ToolCall("t1", "f", '{"a": 1}', "sig", Owner.GOOGLE),)


def test_the_system_says_one_text_or_marked_ones() -> None:
    together = asked(system=[{"text": "a"}, {"text": "b"}]).messages[0]
    assert together == Message("system", (TextPart("a\n\nb"),), "", "system")
    apart = asked(system=[{"text": "a"}, CACHED, {"text": "b"}]).messages[0]
    assert apart.parts == (TextPart("a", MARK), TextPart("b"))
    in_place = asked(HI, {"role": "system", "content": [{"text": "now"}]}).messages[-1]
    assert (in_place.role, in_place.in_place) == ("system", True)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [user()]}, "messages"),
        ({"messages": [{"role": "tool", "content": []}]}, "messages[0].role"),
        ({"messages": [user({"text": 1})]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ({"messages": [user({"image": {"format": "png"}})]}, "messages[0].content[0].image.source"),
        ({"messages": [assistant({"toolUse": {"name": ""}})]}, "messages[0].content[0].toolUse.name"),
        ({"messages": [user({"toolResult": {}})]}, "messages[0].content[0].toolResult.toolUseId"),
        ({"system": [{"image": {"format": "png", "source": {"bytes": "AA=="}}}]}, "system"),
    ],
)
def test_what_is_wrong_is_named(members: dict[str, Any], param: str) -> None:
    failure = refused(**members)
    assert (failure.status, failure.param) == (400, param)


def test_what_is_dropped_is_named_where_the_caller_put_it() -> None:
    """Cache points and results of tools are no parts of the message, and count all the same."""
    point, video = {"cachePoint": {"type": "default"}}, {"video": {"format": "mp4", "source": {"bytes": "AAAA"}}}
    call = {"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}
    result = {"toolResult": {"toolUseId": "t", "content": [{"text": "r"}]}}
    request = asked(
        {"role": "user", "content": [{"text": "a"}, point, video, {"text": ""}, video]},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result, {"text": "b"}, point, video]},
        system=[{"text": "s"}, point, {"guardContent": {"text": {"text": "g"}}}],
    )
    payload = DIALECTS["cohere"].write(request, WriteContext("a-model", "unit"))
    assert isinstance(payload, Payload), payload
    named = [name for name in payload.dropped if "[" in name]
    assert named == ["system[2]", "messages[0].content[2]", "messages[0].content[4]", "messages[2].content[3]"]
