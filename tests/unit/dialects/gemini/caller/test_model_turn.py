"""Turns of Gemini's model: signatures and foreign thoughts in their places."""

import base64

import pytest

from gemini_caller import answer, call, model
from penstock.core.chat import (
    Owner,
    ReasoningPart,
    TextPart,
    ToolCall,
)
from penstock.dialects.envelope import ON_CALL, Block, Envelope, seal


def test_a_signed_thought_is_joined_with_no_other() -> None:
    signed = {"text": "a", "thought": True, "thoughtSignature": "c2ln"}
    assert answer(model(signed, {"text": "b", "thought": True}), model({"text": "c"})) == (
        ReasoningPart("a", "c2ln", "", Owner.GOOGLE),
        ReasoningPart("b"),
        TextPart("c"),
    )


def test_googles_own_signatures_stay_in_their_places() -> None:
    found = answer(
        model(
            {"text": "Hm", "thought": True, "thoughtSignature": "s1"},
            {"text": "Well", "thought_signature": "s2"},
            call("f", thoughtSignature="s3"),
            {"text": "", "thoughtSignature": "s4"},
        )
    )
    google = Owner.GOOGLE
    assert found == (
        ReasoningPart("Hm", "s1", "", google),
        ReasoningPart("", "s2", "", google),
        TextPart("Well"),
        ToolCall("call_1_2", "f", "{}", "s3", google),
        ReasoningPart("", "s4", "", google),
    )


@pytest.mark.parametrize("word", ["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"])
def test_a_stand_in_is_no_signature(word: str) -> None:
    assert answer(model(call("f", thoughtSignature=word))) == (ToolCall("call_1_0", "f", "{}"),)


def sealed(*blocks: Block, owner: str = Owner.ANTHROPIC) -> str:
    return base64.urlsafe_b64encode(base64.b64decode(seal(Envelope(owner, "claude", blocks)))).decode().rstrip("=")


@pytest.mark.parametrize("keeps_thoughts", [True, False])
def test_foreign_thoughts_come_back_from_an_envelope_once(keeps_thoughts: bool) -> None:
    envelope = sealed(Block("First", "sig?>", place="0"), Block("Then", "sig2", place="1"))
    shown = [{"text": "First", "thought": True}] if keeps_thoughts else []
    found = answer(model(*shown, {"text": "I"}, {"text": " look"}, call("f", thoughtSignature=envelope)))
    assert found == (
        ReasoningPart("First", "sig?>", "", Owner.ANTHROPIC),
        TextPart("I look"),
        ReasoningPart("Then", "sig2", "", Owner.ANTHROPIC),
        ToolCall("call_1_" + ("3" if keeps_thoughts else "2"), "f", "{}"),
    )


@pytest.mark.parametrize("place", ["", "x", "²", "9" * 5000])
def test_a_thought_without_a_place_stands_first(place: str) -> None:
    envelope = sealed(Block("Hm", "s", place=place))
    assert answer(model({"text": "Hi", "thoughtSignature": envelope}))[:2] == (
        ReasoningPart("Hm", "s", "", Owner.ANTHROPIC),
        TextPart("Hi"),
    )


def test_an_envelope_on_a_last_part_and_the_signature_of_a_call() -> None:
    last = sealed(Block("T", "s", place="0"))
    assert answer(model({"text": "Hi"}, {"text": "", "thoughtSignature": last})) == (
        ReasoningPart("T", "s", "", Owner.ANTHROPIC),
        TextPart("Hi"),
    )
    signed = sealed(Block(signature="s", place=ON_CALL), owner="openai")
    assert answer(model(call("f", thoughtSignature=signed))) == (ToolCall("call_1_0", "f", "{}", "s", "openai"),)
    assert answer(model(call("f", thoughtSignature="cG5zdGsxgarbage"))) == (ToolCall("call_1_0", "f", "{}"),)
