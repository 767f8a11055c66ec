"""An answer of a provider goes to a strict client and comes back: its maker gets all of it, in its order.

The client keeps the message whole, as OpenAI's SDK does, and sends it back.
"""

import json
from typing import Any, Final

import pytest

from fitting import CLAUDE, CONVERSE, GEMINI, HI, lane2
from penstock.core.chat import Owner
from penstock.core.events import Citation, Event, Foreign, Start, Stop, Text, Thinking, collect
from penstock.dialects.caller import Caption
from penstock.dialects.openai.caller.chunks import ChunkWriter
from penstock.dialects.openai.caller.completion import completion

STRICT: Final = Caption("0", 0, "m", "p", True, False, False)
LAX: Final = Caption("0", 0, "m", "p", False, False, False)
CALL: Final = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
RESULT: Final = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"encrypted_content": "E"}]}
SOURCE: Final = {"type": "web_search_result_location", "url": "https://a", "title": "A", "encrypted_index": "I"}
OTHER: Final = {**SOURCE, "encrypted_index": "J"}
SEARCHED: Final[list[Event]] = [
    Start("id", "m"),
    Thinking("hm", "", "", Owner.ANTHROPIC, 0, 0),
    Thinking("", "SIG", "", Owner.ANTHROPIC, 0, 0),
    Text("Let me look. ", 0, 1),
    Foreign(CALL, 0, 2),
    Foreign(RESULT, 0, 3),
    Text("It is so", 0, 4),
    Citation(SOURCE, "https://a", "A", block=4),
    Citation(OTHER, "https://a", "A", block=4),
    Text(", I think.", 0, 5),
    Stop("stop", "pause_turn"),
]


def message(events: list[Event], caption: Caption) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(completion(collect(events), caption))["choices"][0]["message"]
    return whole


def streamed(events: list[Event]) -> dict[str, Any]:
    """The message that a client puts together from a strict stream."""
    writer = ChunkWriter(STRICT)
    found: dict[str, Any] = {"role": "assistant", "content": "", "reasoning_details": []}
    for line in (writer.write(events) + writer.finish()).split(b"\n\n"):
        if line.startswith(b"data: {"):
            for choice in json.loads(line[6:])["choices"]:
                found["content"] += choice["delta"].get("content") or ""
                found["reasoning_details"] += choice["delta"].get("reasoning_details", [])
    return found


@pytest.mark.parametrize("form", ["plain", "streamed", "lax"])
def test_a_turn_with_a_server_tool_and_citations_goes_back_to_claude(form: str) -> None:
    sent_back = streamed(SEARCHED) if form == "streamed" else message(SEARCHED, LAX if form == "lax" else STRICT)
    body, payload = lane2(CLAUDE, [*HI, sent_back])
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "SIG"},
        {"type": "text", "text": "Let me look. "},
        CALL,
        RESULT,
        {"type": "text", "text": "It is so", "citations": [SOURCE, OTHER]},
        {"type": "text", "text": ", I think."},
    ]
    assert payload.dropped == ()


def test_a_paused_turn_of_a_model_that_takes_no_prefill_goes_on() -> None:
    body, _ = lane2(("anthropic", "claude-opus-5", "anthropic"), [*HI, message(SEARCHED[:6], STRICT)])
    assert body["messages"][-1]["content"][-1] == RESULT


@pytest.mark.parametrize("form", ["plain", "streamed", "lax"])
def test_citations_go_back_to_converse(form: str) -> None:
    source = {"title": "A", "sourceContent": [{"text": "s"}], "location": {"documentChar": {"documentIndex": 0}}}
    events: list[Event] = [Text("It is so", 0, 0), Citation(source, block=0), Text(".", 0, 1), Stop("stop", "end_turn")]
    sent_back = streamed(events) if form == "streamed" else message(events, LAX if form == "lax" else STRICT)
    body, _ = lane2(CONVERSE, [*HI, sent_back, *HI])
    assert body["messages"][1]["content"] == [
        {"citationsContent": {"content": [{"text": "It is so"}], "citations": [source]}},
        {"text": "."},
    ]


@pytest.mark.parametrize("form", ["plain", "streamed"])
def test_a_signed_text_is_not_joined_with_the_text_after_it(form: str) -> None:
    signed = Thinking("", "S", "", Owner.GOOGLE, 0, 0, covers=3)
    events: list[Event] = [signed, Text("One", 0, 1), Text(", two.", 0, 2), Stop("stop", "STOP")]
    sent_back = streamed(events) if form == "streamed" else message(events, STRICT)
    body, _ = lane2(GEMINI, [*HI, sent_back, *HI])
    assert body["contents"][1]["parts"] == [{"text": "One", "thoughtSignature": "S"}, {"text": ", two."}]


def test_what_is_carried_stays_with_its_maker() -> None:
    body, _ = lane2(GEMINI, [*HI, message(SEARCHED, STRICT), *HI])
    assert "encrypted" not in json.dumps(body)
