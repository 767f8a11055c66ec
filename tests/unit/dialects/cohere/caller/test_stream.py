"""Events as Cohere's stream: one block and one call open at a time, and the same as the whole reply."""

from hypothesis import given
from hypothesis import strategies as st

from own_wires import COHERE, caption, folded, plain, stream, streamed
from penstock.core.events import (
    Citation,
    Event,
    Fail,
    Logprobs,
    Refusal,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
)
from penstock.core.usage import Usage


def kinds(*events: Event) -> list[str]:
    return [each["type"] for each in streamed(COHERE, *events)]


def test_the_order_of_events() -> None:
    found = streamed(
        COHERE, Start("id"), Thinking("Hm"), Text("He", block=1), Text("llo", block=1), Usage(3, 2), Stop("stop")
    )
    assert [each["type"] for each in found] == [
        "message-start", "content-start", "content-delta", "content-end", "content-start", "content-delta",
        "content-delta", "content-end", "message-end",
    ]  # fmt: skip
    assert found[0]["id"] == "id"
    assert [each.get("index") for each in found[1:-1]] == [0, 0, 0, 1, 1, 1, 1]
    assert found[4]["delta"]["message"]["content"] == {"type": "text", "text": ""}
    assert found[-1]["delta"]["finish_reason"] == "COMPLETE"
    assert found[-1]["delta"]["usage"]["billed_units"] == {"input_tokens": 3, "output_tokens": 2}
    assert b"event: content-delta\ndata: " in stream(COHERE, Text("a"))


def test_calls_that_come_in_turn_are_told_one_after_the_other() -> None:
    found = streamed(
        COHERE, ToolStart(0, "f", "a"), ToolArgs('{"x"', 0), ToolStart(1, "g", "b"), ToolArgs("{}", 1),
        ToolArgs(":1}", 0), ToolStart(2, "h"), ToolArgs("{", 2), ToolArgs("}", 2), Stop("tool_calls"),
    )  # fmt: skip
    told = [(each["type"], each.get("index")) for each in found[1:-1]]
    assert [each for each in told if each[0] != "tool-call-delta"] == [
        (kind, index) for index in range(3) for kind in ("tool-call-start", "tool-call-end")
    ]
    made = folded(COHERE, ToolStart(0, "f", "a"), ToolStart(1, "g", "b"), ToolArgs("{}", 1), ToolArgs("{}", 0))
    assert [call["function"]["arguments"] for call in made["message"]["tool_calls"]] == ["{}", "{}"]


def test_sources_refusals_and_likelihoods() -> None:
    found = kinds(Text("a"), Logprobs(({"token": "a", "logprob": -1},)), Citation({}, "https://x", start=0, end=1))
    assert found[-4:] == ["content-end", "citation-start", "citation-end", "message-end"]
    assert found.count("content-delta") == 2
    assert kinds(Logprobs(({"token": "a"},))) == ["message-start", "message-end"]
    assert kinds(Refusal("No"), Text("b", choice=1))[1] == "content-start"


def test_failures_end_it() -> None:
    writer = COHERE.writing.stream(caption())
    assert b'"b"' not in writer.write([Text("a"), Fail("No"), Text("b")])
    assert writer.failed is not None
    writer = COHERE.writing.stream(caption())
    writer.write([ToolStart(0, "f"), ToolStart(1, "g")])
    for _ in range(9):
        writer.write([ToolArgs("x" * (1 << 20), 1)])
    assert writer.failed is not None


PIECES = st.one_of(
    st.builds(Text, st.text(max_size=3), block=st.just(0)),
    st.builds(Thinking, st.text(max_size=3), block=st.just(1)),
)


@given(st.lists(PIECES))
def test_a_stream_says_what_the_whole_reply_says(pieces: list[Event]) -> None:
    events = [*pieces, Usage(1, 2, 3), Stop("stop")]
    one, other = plain(COHERE, *events), folded(COHERE, *events)
    for name in ("text", "thinking"):
        said = ["".join(block.get(name, "") for block in reply["message"]["content"]) for reply in (one, other)]
        assert said[0] == said[1]
    assert (one["usage"], one["finish_reason"]) == (other["usage"], other["finish_reason"])


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(['{"a', '": 1', "}"])), max_size=12))
def test_calls_say_the_same_however_their_pieces_come(pieces: list[tuple[int, str]]) -> None:
    starts: list[Event] = [ToolStart(index, f"f{index}", f"c{index}") for index in range(3)]
    events = [*starts, *[ToolArgs(json, index) for index, json in pieces], Stop("tool_calls")]
    writer = COHERE.writing.stream(caption())
    writer.write(events)
    if writer.failed is not None:  # a call goes on that had been whole
        return
    calls = folded(COHERE, *events)["message"]["tool_calls"]
    for index, call in enumerate(calls):
        said = "".join(json for at, json in pieces if at == index)
        assert call["function"]["arguments"] == (said or "{}")
