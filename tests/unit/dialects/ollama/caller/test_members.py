"""Pieces of Ollama's replies."""

from penstock.core.events import Logprobs, Media, Stop, Text, Thinking
from penstock.core.usage import Usage
from penstock.dialects.ollama.caller.members import CHAT, GENERATE, created_at, ending, logprobs_of, piece_of
from penstock.dialects.whole_calls import WholeCall


def test_pieces() -> None:
    assert piece_of(Text("a")) == {"content": "a"}
    assert piece_of(Thinking("a", "signed")) == {"thinking": "a"}
    assert (piece_of(Text("")), piece_of(Thinking(data="x"))) == ({}, {})
    told = "[image of type image/png, which this API can't carry]"
    assert piece_of(Media("image/png", "AA")) == {"content": told}
    call = piece_of(WholeCall(0, "c", "f"))["tool_calls"][0]
    assert call == {"id": "c", "function": {"index": 0, "name": "f", "arguments": {}}}


def test_both_forms() -> None:
    said = {"content": "a", "thinking": "t", "tool_calls": []}
    assert CHAT.said(said) == {"message": {"role": "assistant", **said}}
    assert GENERATE.said(said) == {"response": "a", "thinking": "t"}


def test_the_end() -> None:
    told = ending(Stop("length"), Usage(3, 2), 4, 9)
    assert (told["done"], told["done_reason"], told["prompt_eval_count"], told["eval_count"]) == (True, "length", 3, 2)
    assert (told["total_duration"], told["prompt_eval_duration"], told["eval_duration"]) == (9, 4, 5)
    assert ending(Stop("stop", detail="context"), None, 0, 0)["done_reason"] == "length"
    assert ending(None, None, 0, 0)["done_reason"] == "unknown"


def test_times_and_likelihoods() -> None:
    assert (created_at(0), created_at(-5), created_at(1 << 60)[:4]) == (
        "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999",
    )  # fmt: skip
    tokens = Logprobs(({"token": "a", "logprob": -1, "bytes": None, "top_logprobs": [{"token": "b", "logprob": -2}]},))
    top = {"token": "b", "logprob": -2}
    assert logprobs_of([tokens]) == {"logprobs": [{"token": "a", "logprob": -1, "top_logprobs": [top]}]}
    assert logprobs_of([]) == {}
