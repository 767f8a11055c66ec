"""Converse as callers speak it: one value."""

from __future__ import annotations

from penstock.core.body import Body
from penstock.dialects.bedrock.caller.dialect import CONVERSE, KEEP_ALIVE
from penstock.dialects.bedrock.caller.frames import FrameEncoder
from penstock.dialects.bedrock.relay.frames import ConverseFrames
from penstock.dialects.dialect import WriteContext
from penstock.dialects.registry import CALLERS, DIALECTS


def test_it_has_the_name_of_the_providers_wire() -> None:
    assert CALLERS[CONVERSE.name] is CONVERSE
    assert CONVERSE.name in DIALECTS


def test_a_sign_of_life_has_no_frame() -> None:
    assert FrameEncoder().feed(KEEP_ALIVE * 3) == b""


def test_replies_pass_as_they_are_and_streams_without_their_frames() -> None:
    context = WriteContext("m")
    relay = CONVERSE.relay
    assert (relay.plain(context), relay.normalizer(context, True)) == (None, None)
    assert isinstance(relay.stream(context), ConverseFrames)
    body = Body({})
    assert CONVERSE.replies.include_usage(body)
    assert CONVERSE.replies.with_usage(body) is body
