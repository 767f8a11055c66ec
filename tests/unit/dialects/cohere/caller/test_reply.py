"""A whole reply as Cohere's."""

from own_wires import COHERE, plain
from penstock.core.events import Citation, Logprobs, Refusal, Start, Stop, Text, Thinking, ToolArgs, ToolStart
from penstock.core.usage import Usage


def test_thoughts_text_and_sources() -> None:
    told = plain(
        COHERE, Start("id"), Thinking("Hm"), Text("Hello", block=1), Citation({}, "https://x", start=0, end=5, block=1),
        Usage(3, 2, 5), Stop("stop"), Logprobs(({"token": "Hello", "logprob": -1},)),
    )  # fmt: skip
    assert told["message"]["content"] == [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Hello"}]
    (citation,) = told["message"]["citations"]
    assert (citation["text"], citation["content_index"]) == ("Hello", 1)
    assert (told["id"], told["finish_reason"], told["usage"]["tokens"]["output_tokens"]) == ("id", "COMPLETE", 2)
    assert told["logprobs"] == [{"text": "Hello", "token_ids": [], "logprobs": [-1]}]


def test_what_is_said_beside_calls_is_their_plan() -> None:
    told = plain(
        COHERE, Text("I will"), ToolStart(0, "f"), ToolArgs('{"a":1}', 0), ToolStart(1, "g", "c"), Stop("stop")
    )
    message = told["message"]
    assert (message["tool_plan"], "content" in message, told["finish_reason"]) == ("I will", False, "TOOL_CALL")
    first, second = message["tool_calls"]
    assert (first["function"], first["id"] != "") == ({"name": "f", "arguments": '{"a":1}'}, True)
    assert (second["id"], second["function"]["arguments"]) == ("c", "{}")


def test_a_refusal_a_cut_call_and_nothing() -> None:
    assert plain(COHERE, Refusal("No"))["message"]["content"] == [{"type": "text", "text": "No"}]
    cut = plain(COHERE, ToolStart(0, "f"), ToolArgs('{"a"', 0), Stop("length"))
    assert (cut["message"]["content"], cut["finish_reason"]) == ([], "MAX_TOKENS")
    assert plain(COHERE)["message"] == {"role": "assistant", "content": []}
