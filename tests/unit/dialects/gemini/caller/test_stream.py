"""Events as Gemini's stream: whole responses, calls at once, the end told last; and the same as the whole reply."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gemini_caller import CAPTION, folded, parts, plain, streamed
from penstock.core.chat import Owner
from penstock.core.events import Event, Fail, Start, Stop, Text, Thinking, ToolArgs, ToolStart
from penstock.core.usage import Usage
from penstock.dialects.gemini.caller.stream import ResponseWriter


def test_each_response_is_whole_and_the_last_tells_the_end() -> None:
    first, second, last = streamed(Start("id", "m-1"), Text("Hel"), Text("lo"), Usage(5, 2, 7), Stop("stop"))
    assert first == {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "Hel"}]}, "index": 0}],
        "modelVersion": "m-1",
        "responseId": "id",
    }
    assert parts(second) == [{"text": "lo"}]
    silent = {"role": "model", "parts": [{"text": ""}]}
    assert last["candidates"] == [{"content": silent, "finishReason": "STOP", "index": 0}]
    assert last["usageMetadata"] == {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}


def test_calls_are_told_at_once_in_their_order() -> None:
    found = streamed(
        ToolStart(0, "f", "a"), ToolStart(1, "g", "b"), ToolArgs('{"x"', 0), ToolArgs("{}", 1), Text("then"),
        ToolArgs(": 1}", 0), Stop("tool_calls"),
    )  # fmt: skip
    told = [part for response in found for part in parts(response)]
    assert [part.get("functionCall", {}).get("name") for part in told] == ["f", "g", None, None]
    assert told[0]["functionCall"]["args"] == {"x": 1}


def test_indented_arguments_stay_in_one_line() -> None:
    (response, _) = streamed(ToolStart(0, "f", "c"), ToolArgs('{\n  "x":\r\n "a\\n"}', 0), Stop("tool_calls"))
    assert parts(response)[0]["functionCall"]["args"] == {"x": "a\n"}


def test_an_empty_stream_ends_all_the_same() -> None:
    (only,) = streamed()
    assert only["candidates"][0]["finishReason"] == "OTHER"


def test_failures_end_it() -> None:
    broken: list[list[Event]] = [
        [Text("a"), Fail("No"), Text("b")],
        [ToolStart(0, "f", "c"), ToolArgs("[]", 0)],
        [ToolStart(0, "f", "c"), ToolArgs("{}", 0), ToolArgs("more", 0)],
    ]
    for events in broken:
        writer = ResponseWriter(CAPTION)
        assert b'"b"' not in writer.write(events)
        assert writer.failed is not None
    writer = ResponseWriter(CAPTION)
    writer.write([ToolStart(0, "f", "c"), ToolArgs('{"a"', 0), Stop("tool_calls")])
    assert writer.finish() == b""
    assert writer.failed is not None


WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
BLOCKS = st.lists(
    st.one_of(
        st.builds(lambda texts: ("text", texts), st.lists(WORDS, min_size=1, max_size=3)),
        st.builds(lambda text: ("thought", [text]), WORDS),
        st.just(("call", ['{"a"', ": 1}"])),
    ),
    max_size=5,
)


def made(blocks: Any) -> list[Event]:
    """The events of a reply with these blocks."""
    events: list[Event] = [Start("id", "m")]
    calls = 0
    for number, (kind, pieces) in enumerate(blocks):
        if kind == "call":
            events += [ToolStart(calls, "f", f"c{calls}"), *(ToolArgs(piece, calls) for piece in pieces)]
            calls += 1
        elif kind == "text":
            events += [Text(piece, block=number) for piece in pieces]
        else:
            signed = Thinking(signature="s", owner=Owner.ANTHROPIC, block=number)
            events += [Thinking(pieces[0], owner=Owner.ANTHROPIC, block=number), signed]
    return [*events, Stop("stop"), Usage(1, 2, 3)]


@given(BLOCKS)
def test_the_stream_says_what_the_whole_reply_says(blocks: Any) -> None:
    def joined(response: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for part in parts(response):
            if found and set(part) == set(found[-1]) and set(part) <= {"text", "thought"}:
                found[-1] = {**found[-1], "text": found[-1]["text"] + part["text"]}
            else:
                found.append(part)
        return found

    events = made(blocks)
    whole, stream = plain(*events), folded(*events)
    assert joined(whole) == joined(stream)
    assert [whole[name] for name in ("usageMetadata", "modelVersion", "responseId")] == [
        stream[name] for name in ("usageMetadata", "modelVersion", "responseId")
    ]
