"""The request for a target: one predicate chooses the lane, and what is left out is named."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

import calling
from calling import ANTHROPIC, CHAT, OPENAI, call, prepared, refused, route, target
from penstock.core.failure import Failure, Kind
from penstock.core.http import Url
from penstock.core.operation import Operation
from penstock.core.secret import Secret
from penstock.dialects.caller import CallerDialect
from penstock.pipeline.authenticate import ANYBODY
from penstock.pipeline.first_content import watch_for
from penstock.pipeline.head_memo import HeadMemo
from penstock.pipeline.prepare import PreparedRequest, prepare
from penstock.pipeline.target_route import TargetRoute
from penstock.stores.catalogue import Catalogue

STREAMED = {**CHAT, "stream": True}


@pytest.mark.parametrize(("dialect", "provider"), [(OPENAI, "groq"), (ANTHROPIC, "anthropic")])
def test_on_lane_1_every_value_keeps_its_bytes(dialect: CallerDialect, provider: str) -> None:
    raw = b'{"model":"m", "max_tokens": 9,"messages":[{"role":"user" , "content":"Hi"}],"temperature":1.10}'
    asked = call(CHAT, dialect)
    body = dialect.reading.body(raw)
    assert not isinstance(body, Failure)
    asked.request = body
    assert prepared(asked, route(target(provider))).payload == (
        b'{"model":"m","max_tokens":9,"messages":[{"role":"user" , "content":"Hi"}],"temperature":1.10}'
    )


def test_lane_2_is_written_in_the_providers_wire() -> None:
    to_anthropic = json.loads(prepared(call({**CHAT, "stop": ["x"]}), route(target("anthropic"))).payload)
    assert to_anthropic["stop_sequences"] == ["x"]
    to_openai = json.loads(
        prepared(call({**CHAT, "stop_sequences": ["x"]}, ANTHROPIC), route(target("cerebras"))).payload
    )
    assert to_openai["stop"] == ["x"]


def test_a_configs_changes_are_made_on_either_lane() -> None:
    for provider in ("groq", "anthropic"):
        to = target(
            provider, default_params={"top_p": b"0.5", "temperature": b"1"}, override_params={"model": b'"o"'},
            drop_params=(("stop",),),
        )  # fmt: skip
        request = prepared(call({**CHAT, "temperature": 0, "stop": ["x"]}), route(to))
        body = json.loads(request.payload)
        assert (request.model, body["model"], body["temperature"], body["top_p"]) == ("o", "o", 0, 0.5)
        assert not {"stop", "stop_sequences"} & body.keys()


def test_an_override_may_ask_for_a_stream() -> None:
    assert prepared(call(CHAT), route(target(override_params={"stream": b"true"}))).streams
    assert not prepared(call(STREAMED), route(target(override_params={"stream": b"false"}))).streams


# Headers.


def test_a_query_goes_on_in_the_callers_wire_only() -> None:
    asked = call(CHAT, ANTHROPIC)
    asked.query = "beta=true"
    assert prepared(asked, route(target("anthropic"))).target == b"/v1/messages?beta=true"
    assert b"beta" not in prepared(asked, route(target("cerebras"))).target


def test_what_header_fields_ask_is_known_with_the_head() -> None:
    """The second request with the head gets what the first one got; another target, or another model, its own."""
    to, other, memo = route(target("anthropic")), route(target("anthropic", api_key=Secret("other"))), HeadMemo()

    def sent(to: TargetRoute, memo: HeadMemo | None = None, **more: str) -> PreparedRequest:
        made = call({**CHAT, **more}, ANTHROPIC, anthropic_version="2023-06-01", anthropic_beta="a,b")
        made.memo = memo
        return prepared(made, to)

    for route_of in (to, to, other, to):
        for model in ("m", "n"):
            sent(route_of, model=model)  # makes its template
            general, known = sent(route_of, model=model), sent(route_of, memo, model=model)
            assert (known.headers, known.context) == (general.headers, general.context)
            assert known.context is not None
            assert known.context.asked == {"anthropic_version": "2023-06-01", "anthropic_beta": "a,b"}
    assert memo.asked is not None
    memo.keep_caller(ANYBODY, Catalogue())
    assert memo.asked is None


# The usage of streams.


def test_a_streams_usage_is_asked_for_and_taken_out_again() -> None:
    request = prepared(call(STREAMED), route(target("lm-studio")))
    assert json.loads(request.payload)["stream_options"] == {"include_usage": True}
    assert request.context is not None
    assert request.leaves_usage_out
    watch = watch_for(request)
    assert watch.feed(calling.FIRST + calling.STOP + calling.USAGE + calling.DONE) == (
        calling.FIRST + calling.STOP + calling.DONE
    )
    finished, usage = watch.ending()
    assert (finished, usage is not None and usage.total) == (True, 5)


def test_a_caller_who_asks_for_the_usage_gets_it() -> None:
    options = {"include_usage": True, "x": 1}
    request = prepared(call({**STREAMED, "stream_options": options}), route(target("lm-studio")))
    assert json.loads(request.payload)["stream_options"] == options
    assert request.context is not None
    assert not request.leaves_usage_out
    assert watch_for(request).feed(calling.FIRST + calling.USAGE) == calling.FIRST + calling.USAGE


@pytest.mark.parametrize(("body", "provider"), [(CHAT, "lm-studio"), (STREAMED, "cerebras")])
def test_no_other_request_is_changed_for_it(body: dict[str, Any], provider: str) -> None:
    request = prepared(call(body), route(target(provider)))
    assert b"stream_options" not in request.payload
    assert request.context is not None
    assert not request.leaves_usage_out


# What can't be said.


def test_what_the_host_refuses_is_left_out_and_named() -> None:
    both = {**CHAT, "max_completion_tokens": 5}
    request = prepared(call(both), route(target("ai21")))
    assert json.loads(request.payload)["max_tokens"] == 5
    assert request.dropped == ("max_tokens",)
    translated = prepared(call({**CHAT, "seed": 1}), route(target("anthropic")))
    assert translated.dropped == ("seed",)


SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}


def test_material_that_a_provider_can_not_be_given_is_a_400() -> None:
    said = [{"role": "user", "content": [SOUND, {"type": "text", "text": "What is it?"}]}]
    asked = call({**CHAT, "messages": said})
    failure = refused(asked, route(target("anthropic")))
    assert (failure.kind, failure.param) == (Kind.INVALID_REQUEST, "messages[0].content[0]")
    assert "unsupported_params" in failure.message
    dropped = prepared(asked, route(target("anthropic", drops_material=True))).dropped
    assert dropped == ("messages[0].content[0]",)


def test_a_message_of_such_material_alone_is_told_by_its_part() -> None:
    asked = call({**CHAT, "messages": [{"role": "user", "content": [SOUND]}]})
    failure = refused(asked, route(target("anthropic", drops_material=True)))
    assert "messages[0].content[0] (a sound" in failure.message


def test_names_that_a_provider_refuses_come_back_as_the_callers() -> None:
    tool = {"type": "function", "function": {"name": "1c_reload"}}
    request = prepared(call({**CHAT, "model": "gemini-2.5-flash", "tools": [tool]}), route(target("google")))
    assert b'"_1c_reload"' in request.payload
    assert request.translation is not None
    assert request.translation.names == {"_1c_reload": "1c_reload"}


@pytest.mark.parametrize(
    ("provider", "members", "param"),
    [("ai21", {"max_completion_tokens": 5}, "max_tokens"), ("anthropic", {"seed": 1}, "seed")],
)
def test_unsupported_params_may_be_refused_instead(provider: str, members: dict[str, Any], param: str) -> None:
    failure = refused(call({**CHAT, **members}), route(target(provider, rejects_unsupported=True)))
    assert (failure.kind, failure.param) == (Kind.INVALID_REQUEST, param)
    assert "unsupported_params" in failure.message
    assert prepared(call(CHAT), route(target(provider, rejects_unsupported=True))).dropped == ()


def test_a_model_is_asked_for_by_its_id() -> None:
    asked = call(None, OPENAI, Operation.MODEL)
    asked.parameters = {"id": "org/model"}
    request = prepared(asked, route(target("openai"), Operation.MODEL))
    assert (request.method, request.target, request.payload) == (b"GET", b"/v1/models/org%2Fmodel", b"")
    assert (request.body, request.lane) == (None, 1)


def test_what_a_dialect_refuses_is_told() -> None:
    failure = refused(call({**CHAT, "messages": [{"role": "nobody", "content": "Hi"}]}), route(target("anthropic")))
    assert failure.kind is Kind.INVALID_REQUEST


CHANGED: list[dict[str, Any]] = [
    {"temperature": 0.5},
    {"stream": True},
    {"max_tokens": None},
    {"tools": [{"type": "function", "function": {"name": "f"}}]},
    {"messages": [{"role": "developer", "content": "Be brief"}]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi_there"}]}]},
    {"reasoning_effort": "low", "model": "o3-mini"},
    {"model": "gpt-4o", "made_up": 1},
]
TARGETS: list[dict[str, Any]] = [
    {},
    {"default_params": {"seed": b"7"}},
    {"override_params": {"model": b'"n"'}},
    {"drop_params": (("temperature",),)},
    {"forward_headers": ("x-a",)},
    {"model_prefix": "gpt-"},
    {"models": ("gpt-*",)},
    {"rejects_unsupported": True},
    {"custom_host": Url.parse("https://gateway.example.com/v1")},
]


@pytest.mark.parametrize("to", TARGETS, ids=map(str, TARGETS))
@pytest.mark.parametrize("provider", ["openai", "groq", "deepseek", "cerebras", "openrouter", "anthropic"])
def test_the_second_request_of_a_kind_is_prepared_as_the_first(provider: str, to: dict[str, Any]) -> None:
    """The first makes the template with which the second may pass as it is (``_unchanged``)."""

    def told(asked: Any, at: Any) -> Any:
        made = prepare(asked, at)
        if isinstance(made, Failure):
            return made
        context = None if made.context is None else msgspec.structs.asdict(made.context)
        return {
            **msgspec.structs.asdict(made),
            "body": made.body and made.body.encode(),
            "translation": None,
            "context": context,
        }

    for changed in CHANGED:
        asked = call({**CHAT, **changed}, x_a="b")
        at = route(target(provider, **to))
        first, second = told(asked, at), told(asked, at)
        assert second == first
        asked.query = "a=b"
        assert told(asked, at) == told(asked, route(target(provider, **to)))
        asked.query, asked.hops = "", 1
        assert told(asked, at) == told(asked, route(target(provider, **to)))


def test_header_fields_of_single_requests_are_remembered_and_not_mixed_up() -> None:
    to, long = route(target("anthropic")), "x" * (4 << 10)
    asked = [{"anthropic_version": "2023-06-01", "anthropic_beta": beta} for beta in (*"abcdef", long, "a")]
    for _ in range(2):
        for fields in asked:
            headers = prepared(call(CHAT, ANTHROPIC, **fields), to).headers
            assert headers == prepared(call(CHAT, ANTHROPIC, **fields), route(target("anthropic"))).headers
            assert b"anthropic-beta: %b\r\n" % fields["anthropic_beta"].encode() in headers
    (template,) = to.templates.values()
    assert not isinstance(template, Failure)
    assert 0 < len(template.blocks) <= 4
    assert not any(long.encode() in block for block in template.blocks.values())


def test_a_request_that_passes_as_it_is() -> None:
    asked, to = call(CHAT), route(target("openai"))
    first, second = prepared(asked, to), prepared(asked, to)
    assert first.payload == second.payload
    assert asked.request is not None
    (template,) = to.templates.values()
    assert not isinstance(template, Failure)
    assert template.unchanged is not None
    assert template.unchanged.holds(asked.request.body)
