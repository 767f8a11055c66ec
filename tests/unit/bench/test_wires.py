"""What the comparison of wires sends and answers is what the gateway takes for a whole answer of the wire."""

from __future__ import annotations

import json

import pytest
from bench.wire import EVENTS, STREAMS, WIRES

from penstock.dialects.registry import CALLERS
from penstock.server.surface_table import Match
from penstock.server.surfaces import SURFACES

DIALECTS = {"chat": "openai_chat", "messages": "anthropic", "converse": "bedrock_converse"}


@pytest.mark.parametrize("name", WIRES)
def test_an_answer_is_whole_and_tells_its_usage(name: str) -> None:
    wire, dialect = WIRES[name], CALLERS[DIALECTS.get(name, name)]
    verdict = dialect.replies.judge(json.dumps(wire.answer).encode(), wire.provider, True)
    assert (verdict.error, verdict.problem, verdict.is_complete) == (None, "", True)
    assert verdict.usage is not None
    assert (verdict.usage.prompt, verdict.usage.completion) == (950, 240)
    match = SURFACES.find("POST", wire.path)
    assert isinstance(match, Match)
    assert match.surface.dialect is dialect


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_long_and_finished(name: str) -> None:
    grammar = CALLERS[DIALECTS.get(name, name)].replies.stream
    events = STREAMS[name]
    assert len(events) == EVENTS
    finished, usage = grammar.ending(b"".join(events[-4:]))
    assert finished
    assert usage is not None
    assert usage.completion == 240
