"""Pieces that a response and its stream share: signatures in their places, sources, log probabilities."""

import msgspec
import pytest

from gemini_caller import CAPTION
from penstock.core.chat import Owner
from penstock.core.events import Citation, Foreign, Media, Stop, Text, Thinking
from penstock.dialects.envelope import MAX_BLOCK, Block, Envelope, unseal
from penstock.dialects.gemini.caller.members import Part, PartWriter, Sources, finish_reason, logprobs_result
from penstock.dialects.whole_calls import Piece, WholeCall

CALL = WholeCall(0, "c", "f", '{"a": 1}')
CLAUDE = Owner.ANTHROPIC


def written(*pieces: Piece | WholeCall, hides: bool = False) -> list[Part]:
    writer = PartWriter(msgspec.structs.replace(CAPTION, hides_thinking=hides))
    return [*(part for piece in pieces for part in writer.write(piece)), *writer.end()]


def envelope(part: Part) -> Envelope:
    found = unseal(part["thoughtSignature"])
    assert found is not None
    return found


@pytest.mark.parametrize("hides", [False, True])
def test_a_foreign_thought_goes_with_the_first_call_after_it(hides: bool) -> None:
    thoughts = (Thinking("Hm", owner=CLAUDE), Thinking(signature="s", owner=CLAUDE), Text("So", block=1))
    *shown, call = written(*thoughts, Thinking(data="d", owner=CLAUDE, block=2), CALL, hides=hides)
    assert shown == [*([] if hides else [{"text": "Hm", "thought": True}]), {"text": "So"}]
    assert envelope(call) == Envelope(CLAUDE, "asked-model", (Block("Hm", "s", place="0"), Block(data="d", place="1")))
    assert call["functionCall"]["id"] == "c"


def test_without_a_call_it_is_on_a_last_part_if_anyone_signed_it() -> None:
    _, _, last = written(Thinking("Hm", "s", owner=CLAUDE), Text("So", block=1))
    assert last["text"] == ""
    assert envelope(last).owner == CLAUDE
    assert written(Thinking("Hm"), Text("So", block=1)) == [{"text": "Hm", "thought": True}, {"text": "So"}]
    _, call = written(Thinking("Hm"), CALL)
    assert envelope(call).blocks == (Block("Hm", place="0"),)


def test_googles_own_signatures_are_not_wrapped() -> None:
    signed = Thinking("Hm", "s1", owner=Owner.GOOGLE)
    assert written(signed, Thinking(signature="s2", owner=Owner.GOOGLE, block=1), Text("So", block=2)) == [
        {"text": "Hm", "thought": True, "thoughtSignature": "s1"},
        {"text": "So", "thoughtSignature": "s2"},
    ]
    (call,) = written(WholeCall(0, "c", "f", "", "s3", Owner.GOOGLE))
    assert call["thoughtSignature"] == "s3"
    assert written(Thinking(signature="s", owner=Owner.GOOGLE)) == [{"text": "", "thoughtSignature": "s"}]


def test_an_envelope_that_is_too_large_is_left_out() -> None:
    _, call = written(Thinking("x" * MAX_BLOCK, "s", owner=CLAUDE), CALL)
    assert "thoughtSignature" not in call


def test_media_and_what_is_no_part() -> None:
    assert written(Media("image/png", "ab"), Media("", url="https://x"), Foreign({"type": "x"}), Citation({})) == [
        {"inlineData": {"mimeType": "image/png", "data": "ab"}},
        {"fileData": {"fileUri": "https://x"}},
    ]


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (None, "OTHER"),
        (Stop("tool_calls", "tool_use"), "STOP"),
        (Stop("length"), "MAX_TOKENS"),
        (Stop("content_filter"), "SAFETY"),
        (Stop("content_filter", "RECITATION"), "RECITATION"),
        (Stop("content_filter", detail="refusal"), "STOP"),
        (Stop("length", detail="context"), "MAX_TOKENS"),
        (Stop("new_word"), "OTHER"),
    ],
)
def test_finish_reasons(stop: Stop | None, reason: str) -> None:
    assert finish_reason(stop) == reason


def test_sources_are_placed_by_bytes() -> None:
    sources = Sources()
    assert sources.metadata() == {}
    for piece in (Text("Ä b"), Text(" c"), Citation({}, "https://x", "X", 2, 3), Citation({}, "https://x")):
        sources.add(piece)
    assert sources.metadata() == {
        "groundingChunks": [{"web": {"uri": "https://x", "title": "X"}}],
        "groundingSupports": [{"segment": {"startIndex": 3, "endIndex": 4, "text": "b"}, "groundingChunkIndices": [0]}],
    }


def test_log_probabilities() -> None:
    assert logprobs_result([]) == {}
    for top in (1, True, "ab", {"token": "b"}, None):
        assert logprobs_result([{"token": "a", "top_logprobs": top}])["topCandidates"] == [{"candidates": []}]
    token = {"token": "a", "logprob": -1, "top_logprobs": [{"token": "b", "logprob": -2}]}
    assert logprobs_result([token]) == {
        "chosenCandidates": [{"token": "a", "logProbability": -1}],
        "topCandidates": [{"candidates": [{"token": "b", "logProbability": -2}]}],
    }
