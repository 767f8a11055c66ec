"""Events as Ollama's lines, and the same as the whole reply."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from own_wires import GENERATE, OLLAMA, caption, folded, plain, streamed
from penstock.core.events import Event, Fail, Logprobs, Start, Stop, Text, Thinking, ToolArgs, ToolStart
from penstock.core.usage import Usage

TIMES = {"total_duration", "prompt_eval_duration", "eval_duration"}


def test_lines_and_the_last() -> None:
    events = (Start("id", "m-1", 5), Thinking("Hm"), Text("Hi"), Usage(3, 2), Stop("length"))
    first, second, last = streamed(OLLAMA, *events)
    head = {"model": "m-1", "created_at": "1970-01-01T00:00:05Z"}
    assert first == {**head, "message": {"role": "assistant", "content": "", "thinking": "Hm"}, "done": False}
    assert second["message"]["content"] == "Hi"
    assert last["message"] == {"role": "assistant", "content": ""}
    assert (last["done"], last["done_reason"], last["eval_count"]) == (True, "length", 2)
    assert last["total_duration"] == last["prompt_eval_duration"] == 7


def test_calls_come_whole() -> None:
    call, text, _ = streamed(OLLAMA, ToolStart(0, "f"), ToolArgs('{"a"', 0), Text("so"), ToolArgs(":\r\n1}", 0))
    assert call["message"]["tool_calls"][0]["function"]["arguments"] == {"a": 1}
    assert text["message"]["content"] == "so"
    assert streamed(GENERATE, ToolStart(0, "f"), ToolArgs("{}", 0))[0]["done"] is True


def test_what_is_hidden_and_what_is_likely() -> None:
    assert len(streamed(GENERATE, Thinking("Hm"), hides_thinking=True)) == 1
    assert streamed(GENERATE, Logprobs(({"token": "a", "logprob": -1},)))[0]["logprobs"][0]["token"] == "a"
    assert len(streamed(GENERATE, Text("b", choice=1), Logprobs(()))) == 1


def test_failures_end_it() -> None:
    broken: list[list[Event]] = [[Text("a"), Fail("No"), Text("b")], [ToolStart(0, "f"), ToolArgs("[]", 0)]]
    for events in broken:
        writer = OLLAMA.writing.stream(caption())
        assert b'"b"' not in writer.write(events)
        assert writer.failed is not None
    writer = OLLAMA.writing.stream(caption())
    writer.write([ToolStart(0, "f"), ToolArgs('{"a"', 0)])
    assert writer.finish() == b""
    assert writer.failed is not None


PIECES = st.one_of(
    st.builds(Text, st.text(max_size=3), block=st.just(0)),
    st.builds(Thinking, st.text(max_size=3), block=st.just(1)),
)


@given(st.lists(PIECES), st.integers(0, 3))
def test_a_stream_says_what_the_whole_reply_says(pieces: list[Event], calls: int) -> None:
    made: list[Event] = []
    for index in range(calls):
        made += [ToolStart(index, f"f{index}", f"c{index}"), ToolArgs('{"x":', index), ToolArgs("1}", index)]
    events = [*pieces, *made, Usage(1, 2, 3), Stop("tool_calls" if calls else "stop")]
    one, other = plain(OLLAMA, *events), folded(OLLAMA, *events)
    assert _told(one) == _told(other)


def _told(reply: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in reply.items() if name not in TIMES}
