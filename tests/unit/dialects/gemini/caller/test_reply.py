"""Whole replies as Gemini's response."""

from gemini_caller import CAPTION, parts, plain
from penstock.core.events import Event, Logprobs, Refusal, Start, Stop, Text, ToolArgs, ToolStart, collect
from penstock.core.failure import Failure, Kind
from penstock.core.usage import Usage
from penstock.dialects.gemini.caller.reply import write_reply


def test_a_response() -> None:
    found = plain(
        Start("id", "model-1"), Text("Hel"), Text("lo"), ToolStart(0, "f", "c"), ToolArgs('{"a": 1.50}', 0),
        Text("!", block=1), Stop("tool_calls"), Usage(5, 7, 12, cached=1, reasoning=2),
    )  # fmt: skip
    assert found == {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": "Hello"},
                        {"functionCall": {"id": "c", "name": "f", "args": {"a": 1.5}}},
                        {"text": "!"},
                    ],
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 5, "candidatesTokenCount": 5, "totalTokenCount": 12, "cachedContentTokenCount": 1,
            "thoughtsTokenCount": 2,
        },
        "modelVersion": "model-1",
        "responseId": "id",
    }  # fmt: skip


def test_several_candidates_and_an_empty_one() -> None:
    found = plain(Text("a"), Text("b", choice=1), Stop("stop"), Stop("length", choice=1), Logprobs(({"token": "a"},)))
    assert [each["finishReason"] for each in found["candidates"]] == ["STOP", "MAX_TOKENS"]
    assert found["candidates"][0]["logprobsResult"]["chosenCandidates"][0]["token"] == "a"
    empty = plain(Stop("content_filter"))
    assert (empty["modelVersion"], parts(empty), empty["candidates"][0]["content"]) == (
        "asked-model",
        [],
        {"role": "model"},
    )


def test_refusals_are_text_and_calls_get_ids() -> None:
    assert parts(plain(Refusal("No"), Stop("stop"))) == [{"text": "No"}]
    (call,) = parts(plain(ToolStart(0, "f"), Stop("stop")))
    assert call["functionCall"]["id"].startswith("call_")
    assert call["functionCall"]["args"] == {}


def test_broken_arguments_can_not_be_told_unless_the_answer_was_cut() -> None:
    events: list[Event] = [ToolStart(0, "f", "c"), ToolArgs('{"a": ', 0)]
    failure = write_reply(collect([*events, Stop("tool_calls")]), CAPTION)
    assert isinstance(failure, Failure)
    assert failure.kind is Kind.INVALID_RESPONSE
    assert parts(plain(*events, Stop("length"))) == [{"text": ""}]
