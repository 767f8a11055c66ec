"""What Anthropic's events mean, one after the other: docs/quirks.md#anthropic-messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_replies import API, args, begin, block, end, feed, said, sse, stream, told
from penstock.core.chat import Owner
from penstock.core.events import (
    Citation,
    CollectedCall,
    Extra,
    Fail,
    Foreign,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
    collect,
)
from penstock.core.usage import Usage
from penstock.dialects.anthropic import DIALECT
from penstock.dialects.anthropic.provider.events import ERROR_STATUS

# Text and thinking.


def test_text_as_it_comes() -> None:
    # docs/quirks.md#q24: data lines are padded with spaces; docs/quirks.md#q25: pings come anywhere.
    padded = sse(*block(0, "text", said("Hel"), said(""), said("lo"), text="")).replace(b"}\n", b"}      \n")
    data = (
        sse(begin(input_tokens=3, output_tokens=1)) + padded + sse({"type": "ping"}, *end(usage={"output_tokens": 5}))
    )
    tokens = Usage(3, 5, 8, native={"input_tokens": 3, "output_tokens": 5})
    assert feed(data) == [
        Start("msg_1", "claude-x"),
        Text("Hel"),
        Text("lo"),
        Stop("stop", "end_turn"),
        tokens,
    ]


def test_thinking_is_anthropics() -> None:
    thought = {"type": "thinking_delta", "thinking": "Hm."}
    signed = [{"type": "signature_delta", "signature": piece} for piece in ("c2", "ln")]
    events = stream(begin(), *block(0, "thinking", thought, *signed, thinking="", signature=""), *end())
    assert told(events, Thinking) == [
        Thinking("Hm.", owner=Owner.ANTHROPIC),
        Thinking("", "c2ln", owner=Owner.ANTHROPIC),
    ]


def test_thinking_with_a_signature_alone_is_kept() -> None:  # docs/quirks.md#q28
    events = stream(
        begin(),
        *block(1, "thinking", {"type": "signature_delta", "signature": "c2ln"}, thinking="", signature=""),
        *end(),
    )
    assert told(events, Thinking) == [Thinking("", "c2ln", owner=Owner.ANTHROPIC, block=1)]


def test_redacted_thinking_is_whole_at_its_beginning() -> None:  # docs/quirks.md#q27
    events = stream(begin(), *block(0, "redacted_thinking", data="ZW5j"), *end())
    assert told(events, Thinking) == [Thinking(data="ZW5j", owner=Owner.ANTHROPIC)]


def test_citations_stand_at_the_end_of_their_block() -> None:  # docs/quirks.md#q33
    page = {"type": "web_search_result_location", "url": "https://example.com/a", "title": "A", "cited_text": "x"}
    place = {"type": "char_location", "document_title": "facts.txt", "document_index": 0}
    cited = [{"type": "citations_delta", "citation": each} for each in (page, place)]
    events = stream(
        begin(),
        *block(0, "text", said("It is "), citations=[]),
        *block(1, "text", cited[0], said("so"), cited[1], said("."), citations=[]),
        *end(),
    )
    assert told(events, Text, Citation) == [
        Text("It is "),
        Text("so", block=1),
        Text(".", block=1),
        Citation(page, "https://example.com/a", "A", block=1),
        Citation(place, "", "facts.txt", block=1),
    ]


def test_a_prefilled_answer_is_not_completed_by_its_beginning() -> None:  # docs/quirks.md#q36
    assert told(stream(begin(), *block(0, "text", said(" 42"), text=""), *end()), Text) == [Text(" 42")]


# Tools.


def test_calls_are_numbered_apart_from_blocks() -> None:  # docs/quirks.md#q25, #q26, #q35
    events = stream(
        begin(),
        *block(0, "text", said("Let me see."), text=""),
        *block(1, "tool_use", args(""), args('{"city": '), args('"Rome"}'), id="toolu_1", name="get_weather", input={}),
        *block(2, "tool_use", args(""), id="toolu_2", name="get_time", input={}),
        *end("tool_use"),
    )
    assert told(events, Text, ToolStart, ToolArgs, Stop) == [
        Text("Let me see."),
        ToolStart(0, "get_weather", "toolu_1"),
        ToolArgs('{"city": ', 0),
        ToolArgs('"Rome"}', 0),
        ToolStart(1, "get_time", "toolu_2"),
        Stop("tool_calls", "tool_use"),
    ]


def test_arguments_at_the_beginning_count_when_no_piece_follows() -> None:
    whole = block(0, "tool_use", id="t", name="f", input={"a": 1})
    both = block(1, "tool_use", args('{"b":2}'), id="u", name="f", input={"a": 1})
    assert collect(stream(begin(), *whole, *both, *end("tool_use"))).choices[0].calls == [
        CollectedCall("t", "f", '{"a":1}'),
        CollectedCall("u", "f", '{"b":2}'),
    ]


def test_anthropics_own_tools_are_not_the_callers() -> None:  # docs/quirks.md#q30
    result = {
        "type": "mcp_tool_result",
        "tool_use_id": "m",
        "is_error": False,
        "content": [{"type": "text", "text": "x"}],
    }
    events = stream(
        begin(),
        *block(0, "mcp_tool_use", args('{"q":'), args('"x"}'), id="m", name="ask", input={}, server_name="wiki"),
        *block(1, "mcp_tool_result", **{name: value for name, value in result.items() if name != "type"}),
        *block(2, "server_tool_use", args('{"query": "cut'), id="s", name="web_search", input={}),
        *end(),
    )
    assert told(events, ToolStart, ToolArgs, Foreign, Stop) == [
        Foreign({"type": "mcp_tool_use", "id": "m", "name": "ask", "input": {"q": "x"}, "server_name": "wiki"}),
        Foreign(result, block=1),
        Foreign({"type": "server_tool_use", "id": "s", "name": "web_search", "input": '{"query": "cut'}, block=2),
        Stop("stop", "end_turn"),
    ]


def test_compaction_and_blocks_that_nobody_knows_are_given_whole() -> None:  # docs/quirks.md#q32
    pieces = [{"type": "compaction_delta", "content": each} for each in ("They ", "greet.")]
    odd = [{"type": "hologram_delta", "shape": "cube", "size": 1}, {"type": "hologram_delta", "shape": "s", "size": 2}]
    events = stream(
        begin(), *block(0, "compaction", *pieces, content=None), *block(1, "hologram", *odd, shape="", size=0), *end()
    )
    assert told(events, Foreign) == [
        Foreign({"type": "compaction", "content": "They greet."}),
        Foreign({"type": "hologram", "shape": "cubes", "size": 2}, block=1),
    ]


def test_a_piece_that_fits_no_block_is_told_as_it_is() -> None:
    odd = {"type": "hologram_delta", "x": 1}
    events = stream(begin(), *block(2, "text", odd, args("{}"), {"type": 1}, text=""), *end())
    assert told(events, Foreign) == [Foreign(odd, block=2), Foreign(args("{}"), block=2)]


# The end.


@pytest.mark.parametrize(
    ("reason", "openais"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),  # docs/quirks.md#q31
        ("compaction", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("something_new", "something_new"),
    ],
)
def test_stop_reasons(reason: str, openais: str) -> None:
    assert told(stream(begin(), *end(reason)), Stop) == [Stop(openais, reason)]


def test_a_stop_sequence_at_once() -> None:  # docs/quirks.md#q29
    reply = {"type": "message", "content": [], "stop_reason": "stop_sequence", "stop_sequence": "END", "usage": {}}
    assert DIALECT.read_reply(json.dumps(reply).encode(), API) == [
        Start(),
        Stop("stop", "stop_sequence"),
        Extra("stop_sequence", "END", 0),
    ]


def test_what_openai_has_no_place_for() -> None:
    started = begin(input_tokens=1, output_tokens=1, service_tier="priority")
    started["message"]["container"] = None
    delta, stop = end(context_management={"applied_edits": []}, stop_sequence="X")
    delta["delta"]["container"] = {"id": "container_1"}
    stop["amazon-bedrock-invocationMetrics"] = {"inputTokenCount": 1}
    assert told(stream(started, delta, stop), Extra) == [
        Extra("stop_sequence", "X", 0),
        Extra("container", {"id": "container_1"}),
        Extra("context_management", {"applied_edits": []}),
        Extra("amazon-bedrock-invocationMetrics", {"inputTokenCount": 1}),
        Extra("service_tier", "priority"),
    ]


def counted(first: dict[str, Any], last: dict[str, Any]) -> Usage:
    (tokens,) = told(stream(begin(**first), *end(usage=last)), Usage)
    assert isinstance(tokens, Usage)
    return tokens


def test_counts_at_the_end_replace_the_first() -> None:  # docs/quirks.md#q21
    tokens = counted({"input_tokens": 10, "output_tokens": 1}, {"input_tokens": 99, "output_tokens": 7})
    assert (tokens.prompt, tokens.completion, tokens.total) == (99, 7, 106)


def test_counts_that_the_end_does_not_repeat_stay() -> None:  # docs/quirks.md#q22
    tokens = counted({"input_tokens": 10, "output_tokens": 1}, {"output_tokens": 7, "input_tokens": None})
    assert (tokens.prompt, tokens.completion) == (10, 7)


def test_the_cache_counts_as_prompt() -> None:  # docs/quirks.md#q34
    cache = {"cache_creation_input_tokens": 1000, "cache_read_input_tokens": 200}
    tokens = counted(
        {"input_tokens": 4, **cache}, {"output_tokens": 7, "output_tokens_details": {"thinking_tokens": 3}}
    )
    assert (tokens.prompt, tokens.cached, tokens.cache_written, tokens.reasoning) == (1204, 200, 1000, 3)
    assert tokens.native == {
        "input_tokens": 4,
        **cache,
        "output_tokens": 7,
        "output_tokens_details": {"thinking_tokens": 3},
    }


def test_summaries_made_on_the_way_are_counted() -> None:  # docs/quirks.md#q32
    made = {"type": "compaction", "input_tokens": 100, "cache_read_input_tokens": 5000, "output_tokens": 83}
    own = {"type": "message", "input_tokens": 181, "output_tokens": 8}
    tokens = counted({}, {"input_tokens": 181, "output_tokens": 8, "iterations": [made, own, "odd"]})
    assert (tokens.prompt, tokens.cached, tokens.completion, tokens.total) == (5281, 5000, 91, 5372)
    assert tokens.native["input_tokens"] == 181


def test_iterations_are_told_and_not_added() -> None:  # docs/quirks.md#q32
    first = {"input_tokens": 100, "cache_read_input_tokens": 5000, "output_tokens": 7}
    last = {
        "input_tokens": 181,
        "cache_read_input_tokens": 0,
        "output_tokens": 8,
        "iterations": [first, {"input_tokens": 181}],
    }
    tokens = counted(first, last)
    assert (tokens.prompt, tokens.cached) == (181, 0)
    assert tokens.native["iterations"] == last["iterations"]


# Failures.


@pytest.mark.parametrize("kind", [*ERROR_STATUS, "new_error"])
def test_errors_in_the_stream(kind: str) -> None:  # docs/quirks.md#q23, #q106, #q107
    error = {"type": "error", "error": {"details": None, "type": kind, "message": "No."}}
    first = [begin(input_tokens=15, output_tokens=1), *block(0, "text", said("Here"))[:2]]
    events = stream(*first, error, *end())
    status = ERROR_STATUS.get(kind, 0)
    assert events[-2:] == [
        Usage(15, 1, 16, native={"input_tokens": 15, "output_tokens": 1}),
        Fail("No.", kind, "", status, json.dumps(error).encode()),
    ]
    assert told(events, Text) == [Text("Here")]


def test_statuses_of_errors() -> None:
    assert (ERROR_STATUS["overloaded_error"], ERROR_STATUS["rate_limit_error"]) == (529, 429)


def test_blocks_that_were_never_closed_end_with_the_message() -> None:
    opened = block(0, "thinking", {"type": "signature_delta", "signature": "s"})[:-1]
    assert told(stream(begin(), *opened, *end()), Thinking) == [Thinking("", "s", owner=Owner.ANTHROPIC)]


def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.dialects.anthropic.provider.events.MAX_FRAME", 500)
    piece = {"type": "content_block_delta", "index": 0, "delta": args("x" * 100)}
    opening = block(0, "server_tool_use", id="s", name="web_search", input={})[0]
    (fail,) = told(stream(begin(), opening, *[piece] * 5, *end()), Fail)
    assert isinstance(fail, Fail)
    assert fail.broken
    assert not told(
        stream(begin(), *[each for n in range(9) for each in block(n, "web_search_result", url="x" * 60)], *end()), Fail
    )
