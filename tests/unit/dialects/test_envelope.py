"""Envelopes: what goes in comes out, in every spelling that clients send back, and nothing else is taken for one."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.chat import Owner, ReasoningPart
from penstock.dialects.envelope import MARK, MAX_BLOCK, ON_CALL, Block, Envelope, Sealer, is_sealed, seal, unseal

TEXT = st.text(st.characters(codec="utf-8"), max_size=200)
BLOCKS = st.builds(Block, text=TEXT, signature=TEXT, data=TEXT, id=TEXT, place=st.sampled_from(["", ON_CALL]))
ENVELOPES = st.builds(Envelope, owner=TEXT, family=TEXT, blocks=st.lists(BLOCKS, max_size=4).map(tuple))


@given(ENVELOPES)
def test_every_spelling_of_base64_comes_back(envelope: Envelope) -> None:
    sealed = seal(envelope)
    assert sealed.startswith(MARK)
    assert base64.b64decode(sealed, validate=True)[:6] == b"pnstk1"
    safe = sealed.replace("+", "-").replace("/", "_")
    for spelling in (sealed, sealed.rstrip("="), safe, safe.rstrip("=")):
        assert unseal(spelling) == envelope


@given(st.text(max_size=60))
def test_anything_else_is_no_envelope(text: str) -> None:
    assert unseal(text) is None
    unseal(MARK + text)


def test_bounds() -> None:
    long = Envelope(Owner.GOOGLE, "gemini", (Block(signature="x" * MAX_BLOCK),))
    assert seal(long) == ""
    assert is_sealed(MARK + "x" * MAX_BLOCK)
    assert unseal(MARK + "A" * MAX_BLOCK) is None


def test_half_of_a_surrogate_pair_is_not_carried() -> None:
    assert seal(Envelope(Owner.GOOGLE, "", (Block(text="\ud800"),))) == ""


def test_thoughts_and_the_signature_of_a_call() -> None:
    envelope = Envelope(Owner.GOOGLE, "gemini", (Block(signature="s"), Block(signature="c", place=ON_CALL)))
    assert envelope.reasoning("seen") == (ReasoningPart("seen", "s", "", Owner.GOOGLE),)
    assert envelope.call_signature == "c"
    assert Envelope(Owner.GOOGLE).call_signature == ""
    two = Envelope(Owner.OPENAI, "", (Block(text="a", data="1"), Block(data="2")))
    assert two.reasoning("seen") == (
        ReasoningPart("a", "", "1", Owner.OPENAI),
        ReasoningPart("", "", "2", Owner.OPENAI),
    )


def test_a_sealer_passes_what_its_own_maker_signed_and_seals_the_rest() -> None:
    sealer = Sealer("gemini", Owner.ANTHROPIC)
    assert sealer.thought(Owner.ANTHROPIC, "sig", "") == "sig"
    envelope = unseal(sealer.thought(Owner.GOOGLE, "sig", "data", "hidden"))
    assert envelope is not None
    assert (envelope.family, envelope.reasoning()) == (
        "gemini",
        (ReasoningPart("hidden", "sig", "data", Owner.GOOGLE),),
    )
    call = unseal(sealer.call(Owner.GOOGLE, "c"))
    assert call is not None
    assert (call.owner, call.call_signature) == (Owner.GOOGLE, "c")
