"""Requests on lane 1: the body as each host takes it, its values byte for byte, without what others signed."""

from __future__ import annotations

import json
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.body import Body
from penstock.core.chat import Owner
from penstock.dialects.anthropic.relay.request import fit_request
from penstock.dialects.caller import FittedRequest
from penstock.dialects.dialect import WriteContext
from penstock.dialects.envelope import MARK, ON_CALL, Block, Envelope, seal

RAW: Final = (
    b'{"model": "asked", "max_tokens": 1.0, "stream": true, "messages": [{"role":"user", "content":"x"}], "z": 1e400}'
)


ANY: Final = WriteContext("m")


def fit(raw: bytes, context: WriteContext) -> FittedRequest:
    fitted = fit_request(Body.parse(raw), context)
    assert isinstance(fitted, FittedRequest)
    return fitted


def sent(body: dict[str, Any], context: WriteContext = ANY) -> tuple[Any, tuple[str, ...]]:
    fitted = fit(json.dumps({"model": "m", **body}).encode(), context)
    return json.loads(fitted.body.encode()), fitted.dropped


def test_anthropics_own_api_takes_it_as_it_is() -> None:
    body = Body.parse(RAW)
    assert fit(RAW, WriteContext("asked", "anthropic")).body.encode() == body.encode()
    renamed = fit(RAW, WriteContext("other", variant="azure")).body
    assert renamed.raw("model") == b'"other"'
    assert renamed.raw("z") == b"1e400"


def test_vertex() -> None:
    body = fit(RAW, WriteContext("claude", variant="vertex")).body
    assert list(body) == ["max_tokens", "stream", "messages", "z", "anthropic_version"]
    assert body.raw("anthropic_version") == b'"vertex-2023-10-16"'
    assert body.raw("max_tokens") == b"1.0"


def test_bedrock() -> None:
    options = {
        "anthropic_beta": "claude-code-20250219, interleaved-thinking-2025-05-14",
        "anthropic_version": "2023-06-01",
    }
    body = fit(RAW, WriteContext("claude", variant="bedrock", options=options)).body
    assert list(body) == ["max_tokens", "messages", "z", "anthropic_version", "anthropic_beta"]
    assert body.value("anthropic_version") == "bedrock-2023-05-31"
    assert body.value("anthropic_beta") == ["interleaved-thinking-2025-05-14"]
    own = {"anthropic_version": "bedrock-2099-01-01"}
    assert (
        fit(RAW, WriteContext("c", variant="bedrock", options=own)).body.value("anthropic_version")
        == own["anthropic_version"]
    )


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


RESULT: Final = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "1"}]}
CALL: Final = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
FOREIGN: Final = {
    "type": "thinking",
    "thinking": "hm",
    "signature": seal(Envelope(Owner.GOOGLE, "gemini", (Block(signature="s"),))),
}


def test_what_others_signed_stays_out() -> None:
    signed = {"type": "thinking", "thinking": "t", "signature": "own"}
    cited = {"type": "web_search_result_location", "url": "u", "encrypted_index": MARK + "AA=="}
    kept = {"type": "char_location", "cited_text": "x"}
    body, dropped = sent(
        {
            "messages": [
                {"role": "user", "content": f"what is {MARK}?"},
                assistant(FOREIGN, signed, {"type": "text", "text": "x", "citations": [cited, kept]}, CALL),
                RESULT,
                assistant(FOREIGN),
                assistant({"type": "text", "text": "y", "citations": [cited]}),
            ]
        }
    )
    assert [message["content"] for message in body["messages"]] == [
        f"what is {MARK}?",
        [signed, {"type": "text", "text": "x", "citations": [kept]}, CALL],
        RESULT["content"],
        [{"type": "text", "text": "y"}],
    ]
    assert dropped == ()


def test_claudes_own_thoughts_come_out_of_an_envelope() -> None:
    blocks = (Block("t", "sig"), Block(data="red"), Block(signature="x", place=ON_CALL))
    wrapped = {"type": "thinking", "thinking": "", "signature": seal(Envelope(Owner.ANTHROPIC, "claude", blocks))}
    body, _ = sent({"messages": [assistant(wrapped, CALL)]})
    assert body["messages"][0]["content"] == [
        {"type": "thinking", "thinking": "t", "signature": "sig"},
        {"type": "redacted_thinking", "data": "red"},
        CALL,
    ]


def test_an_open_call_without_its_thought_switches_thinking_off() -> None:
    budget = {"type": "enabled", "budget_tokens": 1024}
    opened = [assistant(FOREIGN, CALL), RESULT]
    body, dropped = sent({"thinking": budget, "messages": opened})
    assert "thinking" not in body
    assert dropped == ("thinking",)
    adaptive, dropped = sent({"thinking": {"type": "adaptive"}, "messages": opened})
    assert adaptive["thinking"] == {"type": "adaptive"}
    assert dropped == ()
    _, dropped = sent({"thinking": budget, "messages": [assistant(FOREIGN, CALL), RESULT, assistant(CALL)]})
    assert dropped == ()
    kinds: list[Any] = [[], {}, ["thinking"], None]
    for kind in kinds:
        _, dropped = sent({"thinking": budget, "messages": [assistant({"type": kind}, FOREIGN, CALL), RESULT]})
        assert dropped == ("thinking",)


def test_a_body_that_is_only_like_it_is_left_alone() -> None:
    raw = b'{"model": "m", "messages": [1, "%b"]}' % MARK.encode()
    assert fit(raw, WriteContext("m")).body.raw("messages") == b'[1, "%b"]' % MARK.encode()


@given(st.binary(max_size=80))
def test_any_messages(data: bytes) -> None:
    for variant in ("", "vertex", "bedrock"):
        fit_request(
            Body({"messages": b'["' + MARK.encode() + b'"' + data, "model": b'"m"'}), WriteContext("m", variant=variant)
        )


def test_what_the_caller_says_in_headers_goes_on_beside_the_operators_betas() -> None:
    asked = {"anthropic_beta": "b, new-2027-01-01", "anthropic_version": "2023-06-01"}
    lent = {"anthropic_beta": "a,b"}
    own = fit(RAW, WriteContext("m", options=lent, asked=asked))
    assert own.headers == (("anthropic-beta", "a,b,new-2027-01-01"), ("anthropic-version", "2023-06-01"))
    # The version of Vertex AI and Bedrock stands in the body, and Bedrock takes betas only there, and few.
    vertex = fit(RAW, WriteContext("m", variant="vertex", options=lent, asked=asked))
    assert vertex.headers == (("anthropic-beta", "a,b,new-2027-01-01"),)
    asked = {"anthropic_beta": "context-1m-2025-08-07,new-2027-01-01"}
    bedrock = fit(RAW, WriteContext("m", variant="bedrock", asked=asked))
    assert (bedrock.headers, bedrock.body.value("anthropic_beta")) == ((), ["context-1m-2025-08-07"])
    assert bedrock.dropped
    assert all(name.startswith("anthropic_beta.") for name in bedrock.dropped)
    assert fit(RAW, ANY).headers == ()
