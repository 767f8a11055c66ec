"""A whole reply as Ollama's."""

from own_wires import GENERATE, OLLAMA, caption, plain
from penstock.core.events import (
    Event,
    Logprobs,
    Media,
    Refusal,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
    collect,
)
from penstock.core.failure import Failure
from penstock.core.usage import Usage


def test_a_chat() -> None:
    told = plain(
        OLLAMA, Start("id", "m-1", 5), Thinking("Hm"), Text("He"), Text("llo", block=1), Media("image/png", "AA"),
        ToolStart(0, "f", "c"), ToolArgs('{"a": 1}', 0), Usage(3, 2, 5), Stop("tool_calls"),
    )  # fmt: skip
    call = {"id": "c", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}
    assert told["message"] == {
        "role": "assistant", "content": "He[image of type image/png, which this API can't carry]llo",
        "thinking": "Hm", "tool_calls": [call],
    }  # fmt: skip
    assert (told["model"], told["created_at"], told["done"]) == ("m-1", "1970-01-01T00:00:05Z", True)
    assert (told["done_reason"], told["eval_count"], told["total_duration"]) == ("stop", 2, 7)


def test_a_prompts_answer() -> None:
    told = plain(GENERATE, Thinking("Hm"), Text("Hi"), Refusal("No"), Logprobs(({"token": "Hi", "logprob": -1},)))
    assert (told["response"], told["thinking"], told["model"]) == ("HiNo", "Hm", "m")
    assert told["logprobs"] == [{"token": "Hi", "logprob": -1}]
    assert "message" not in told
    assert "thinking" not in plain(GENERATE, Thinking("Hm"), Text("Hi"), hides_thinking=True)


def test_a_call_that_can_not_be_told() -> None:
    events: list[Event] = [ToolStart(0, "f"), ToolArgs("[1]", 0)]
    failure = OLLAMA.writing.reply(collect(events), caption())
    assert isinstance(failure, Failure)
    cut = plain(OLLAMA, *events, Stop("length"))
    assert (cut["message"]["content"], cut["done_reason"], "tool_calls" in cut["message"]) == ("", "length", False)
