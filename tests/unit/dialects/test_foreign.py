"""Requests of other wires made ready for a provider: what its maker can't read is said otherwise, or named."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from penstock.core.chat import (
    ChatRequest,
    FilePart,
    ImagePart,
    Inline,
    Link,
    Message,
    NativePart,
    NativeTool,
    Owner,
    Part,
    Reasoning,
    ReasoningPart,
    Stored,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Wording,
)
from penstock.core.traits import ANY_MODEL, Traits
from penstock.dialects.foreign import LOST_REASONING, PLAIN, UNREAD_REASONING, Reader, ready_for

WORDING: Final = Wording(names={"max_completion_tokens": "max_tokens"}, once=frozenset({"cache_control"}))
IMAGE: Final = ImagePart(Inline("image/png", "AAAA"))
SEARCH: Final = NativeTool(
    "web_search_1", {"type": "web_search_1", "name": "s", "max_uses": 1}, "anthropic", "web_search"
)


def request(*messages: Message, **parameters: Any) -> ChatRequest:
    return ChatRequest("m", messages, parameters, wording=WORDING)


def user(*parts: Part) -> Message:
    return Message("user", parts, path="messages[0]")


def ready(
    given: ChatRequest, reader: Reader = PLAIN, traits: Traits = ANY_MODEL
) -> tuple[ChatRequest, tuple[str, ...]]:
    found, parameters = ready_for(reader, given, traits)
    for name in found.parameters:
        parameters.value(name)
    return found, parameters.dropped()


def test_openais_own_requests_pass() -> None:
    given = msgspec.structs.replace(request(user(NativePart({}, Owner.ANTHROPIC, "x"))), wording=None)
    assert ready_for(PLAIN, given, ANY_MODEL)[0] is given


def test_blocks_of_another_maker_are_said_in_words() -> None:
    blocks = (
        NativePart({"cache_control": {"a": 1}}, Owner.ANTHROPIC, "words"),
        NativePart({}, Owner.ANTHROPIC),
        TextPart("x"),
    )
    found, dropped = ready(request(user(*blocks)))
    assert found.messages[0].parts == (TextPart("words", {"a": 1}), TextPart("x"))
    assert dropped == ("messages[0].content[0]", "messages[0].content[1]")
    kept, dropped = ready(request(user(*blocks)), Reader(Owner.ANTHROPIC))
    assert kept.messages[0].parts == blocks
    assert dropped == ()


def test_files_and_what_is_said_of_them() -> None:
    stored = FilePart(Stored("f", "", Owner.ANTHROPIC))
    cited = FilePart(Inline("application/pdf", "AA"), extras={"citations": {"enabled": True}})
    found, dropped = ready(request(user(stored, cited)))
    assert found.messages[0].parts == (cited,)
    assert dropped == ("messages[0].content[0]", "messages[0].content[1].citations")
    assert ready(request(user(stored, cited)), Reader(Owner.ANTHROPIC))[1] == ()


@pytest.mark.parametrize(
    ("address", "owner", "is_kept"),
    [
        ("https://x/a.pdf", Owner.UNKNOWN, True),
        ("s3://b/a.pdf", Owner.AMAZON, True),
        ("s3://b/a.pdf", Owner.GOOGLE, False),
        ("gs://b/a.pdf", Owner.GOOGLE, True),
        ("gs://b/a.pdf", Owner.OPENAI, False),
    ],
)
def test_a_file_in_a_makers_store_is_for_this_maker(address: str, owner: str, is_kept: bool) -> None:
    part = FilePart(Link(address))
    found, dropped = ready(request(user(part, TextPart("x"))), Reader(owner))
    assert found.messages[0].parts == ((part, TextPart("x")) if is_kept else (TextPart("x"),))
    assert dropped == (() if is_kept else ("messages[0].content[0]",))


@pytest.mark.parametrize(
    ("citation", "owner"),
    [({"type": "char_location"}, Owner.ANTHROPIC), ({"location": {}}, Owner.AMAZON), ({"start": 0}, "cohere")],
)
def test_sources_of_earlier_answers_are_named_where_they_cant_be_told(citation: dict[str, Any], owner: str) -> None:
    said = Message(
        "assistant", (TextPart("a", None, (citation,)), TextPart("b", None, (citation,))), path="messages[1]"
    )
    for reader in (Owner.ANTHROPIC, Owner.AMAZON, Owner.GOOGLE):
        found, dropped = ready(request(said), Reader(reader))
        assert found.messages[0] == said
        assert dropped == (() if reader == owner else ("messages.citations",))


@pytest.mark.parametrize("maker", [Owner.ANTHROPIC, Owner.GOOGLE, Owner.OPENAI])
def test_what_another_maker_signed_is_named_once(maker: str) -> None:
    thoughts = (ReasoningPart("a", "s", "", maker), ReasoningPart("", "", "d", maker))
    for part in (*thoughts, ToolCall("1", "f", "{}", "s", maker)):
        given = request(user(TextPart("x")), *[Message("assistant", (part,), path=f"messages[{n}]") for n in (1, 3)])
        for reader, traits in ((Reader(owner), ANY_MODEL) for owner in (Owner.ANTHROPIC, Owner.GOOGLE, Owner.OPENAI)):
            for asked in (given, msgspec.structs.replace(given, wording=None)):
                _, dropped = ready(asked, reader, traits)
                assert dropped == (() if reader.owner == maker else (UNREAD_REASONING,))
        assert ready(given)[1] == (UNREAD_REASONING,)
        for owner in (Owner.ANTHROPIC, Owner.UNKNOWN):  # Amazon hosts the models of many makers
            _, dropped = ready(given, Reader(Owner.AMAZON, tools_of=owner), Traits(owner=owner))
            assert dropped == (() if owner == maker else (UNREAD_REASONING,))
    said = Message("assistant", (ReasoningPart("a"), ReasoningPart("b", owner=maker), ToolCall("1", "f")))
    assert ready(request(said))[1] == ()


def test_images_follow_the_results_that_cannot_hold_them() -> None:
    result = Message("tool", (ToolResult("a", (TextPart("x"), IMAGE), "f", True),), path="messages[1].content[0]")
    found, _ = ready(request(user(TextPart("q")), result, result, user(TextPart("y"))))
    assert [message.role for message in found.messages] == ["user", "tool", "tool", "user"]
    assert found.messages[1].parts == (ToolResult("a", (TextPart("Error: x"),), "f"),)
    assert found.messages[3].parts == (IMAGE, IMAGE, TextPart("y"))
    last, _ = ready(request(result))
    assert last.messages[-1] == Message("user", (IMAGE,), path="messages[1].content[0]")
    between, _ = ready(request(result, Message("assistant", (TextPart("z"),))))
    assert [message.role for message in between.messages] == ["tool", "user", "assistant"]
    silent, _ = ready(request(Message("tool", (ToolResult("a", (), "f", True),))))
    assert silent.messages[0].parts == (ToolResult("a", (TextPart("Error"),), "f"),)
    held, _ = ready(request(result), Reader())
    assert held.messages == (result,)


def test_a_system_message_in_place() -> None:
    message = Message("system", (TextPart("a", {"m": 1}), TextPart("b")), in_place=True)
    found, dropped = ready(request(message))
    assert found.messages[0] == msgspec.structs.replace(message, parts=(TextPart("a\n\nb"),))
    assert dropped == ("cache_control",)
    said, _ = ready(request(message), Reader())
    assert said.messages[0].role == "user"
    assert said.messages[0].text == "<system-reminder>\na\n\nb\n</system-reminder>"


def test_tools_of_another_maker() -> None:
    shell = NativeTool(
        "bash_1", {"type": "bash_1", "name": "bash", "strict": True}, Owner.ANTHROPIC, function=Tool("bash")
    )
    code = NativeTool("code_1", {}, Owner.ANTHROPIC, "code")
    own = NativeTool("anyone's", {})
    given = request(user(TextPart("x")), tools=(SEARCH, shell, code, own), tool_choice=ToolChoice("required", ("s",)))
    found, dropped = ready(given)
    assert found.parameters["tools"] == (
        Tool("bash", path="tools[1]"),
        NativeTool("anyone's", {}, path="tools[3]"),
    ), "behind what is left out, the position is still the caller's"
    assert found.parameters["tool_choice"] == ToolChoice("required", ("s",))
    assert dropped == ("tools[0]", "tools[1].strict", "tools[2]")
    mapped, dropped = ready(given, Reader(kinds={"web_search": "google_search"}))
    assert mapped.parameters["tools"][0] == NativeTool("google_search", {"type": "google_search"})
    assert mapped.parameters["tool_choice"] == ToolChoice("auto")
    assert dropped == ("tools[0].max_uses", "tools[1].strict", "tools[2]")
    settings = {"type": "googleSearch", "timeRangeFilter": {"startTime": "t"}}
    search = NativeTool("googleSearch", settings, Owner.GOOGLE, "web_search", path="tools[0].googleSearch")
    googles = request(user(TextPart("x")), tools=(search,))
    assert ready(googles, Reader(kinds={"web_search": "ws"}))[1] == ("tools[0].googleSearch.timeRangeFilter",)
    theirs, dropped = ready(given, Reader(tools_of=Owner.ANTHROPIC))
    assert theirs.parameters["tools"] == (SEARCH, shell, code, own)
    assert dropped == ()


def test_a_limit_beyond_the_models() -> None:
    found, dropped = ready(request(user(), max_completion_tokens=64_000), traits=Traits(output_limit=8192))
    assert found.parameters["max_completion_tokens"] == 8192
    assert dropped == ("max_tokens",)
    assert ready(request(user(), max_completion_tokens=10), traits=Traits(output_limit=8192))[1] == ()


ADAPTIVE: Final = Reasoning("", None, True, {"type": "adaptive"})
SMALL: Final = Reasoning("", 500, True, {"type": "enabled", "budget_tokens": 500})


@pytest.mark.parametrize(
    ("asked", "traits", "expected"),
    [
        (ADAPTIVE, Traits("f", thinking="adaptive"), ADAPTIVE),
        (ADAPTIVE, Traits("f", thinking="budget"), Reasoning()),
        (ADAPTIVE, Traits("f"), None),
        (ADAPTIVE, ANY_MODEL, ADAPTIVE),
        (
            SMALL,
            Traits("f", thinking="budget", min_budget=1024),
            Reasoning("", 1024, True, {"type": "enabled", "budget_tokens": 1024}),
        ),
        (Reasoning("low"), Traits("f"), Reasoning("low")),
    ],
)
def test_thinking_as_the_model_knows_it(asked: Reasoning, traits: Traits, expected: Reasoning | None) -> None:
    assert ready(request(user(), reasoning=asked), traits=traits)[0].parameters["reasoning"] == expected


THINKS: Final = Traits(thinking="budget")
ALWAYS: Final = Traits(thinks_unasked=True)
FORCED: Final = Traits(thinks_unasked=True, can_stop_thinking=False)


@pytest.mark.parametrize(
    ("reader", "reasoning", "traits", "is_lost"),
    [
        (Reader(Owner.ANTHROPIC), Reasoning(enabled=True), THINKS, True),
        (Reader(Owner.AMAZON, Owner.ANTHROPIC), Reasoning("high"), THINKS, True),
        (Reader(Owner.GOOGLE), None, ALWAYS, True),
        (Reader(Owner.GOOGLE), Reasoning(enabled=False), FORCED, True),
        (Reader(Owner.GOOGLE), Reasoning(enabled=False), ALWAYS, False),
        (Reader(Owner.OPENAI), Reasoning("none"), ALWAYS, False),
        (Reader(Owner.ANTHROPIC), None, THINKS, False),
        (Reader(Owner.ANTHROPIC), Reasoning(enabled=True), ANY_MODEL, False),
        (Reader(Owner.AMAZON, Owner.AMAZON), Reasoning("high"), ALWAYS, False),
        (PLAIN, Reasoning(enabled=True), ALWAYS, False),
    ],
)
def test_what_must_come_back_and_has_no_place_is_named(
    reader: Reader, reasoning: Reasoning | None, traits: Traits, is_lost: bool
) -> None:
    asked = request(user(TextPart("Hi")), **({} if reasoning is None else {"reasoning": reasoning}))
    without_place = msgspec.structs.replace(asked, wording=Wording(names={LOST_REASONING: "reasoning"}))
    _, names = ready(without_place, reader, traits)
    assert ("reasoning" in names) is is_lost
    assert "messages.reasoning" not in ready(asked, reader, traits)[1]
