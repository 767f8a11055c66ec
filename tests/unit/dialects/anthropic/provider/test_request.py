"""Requests in Anthropic's dialect: every row of the matrix, the hosts, how families are told to think, betas."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_requests import (
    ADAPTIVE,
    ASKED,
    BRIEF,
    BUDGET,
    CLOCK,
    FORECAST,
    HI,
    NOTHING,
    PDF_SOURCE,
    SUNNY,
    UNASKED,
    answer,
    document,
    picture,
    request,
    say,
    sent,
    turn,
    use,
    write,
)
from matrix import (
    EPHEMERAL,
    HUGE_SCHEMA,
    MATRIX,
    SCHEMA,
    SHELL,
    ask,
)
from penstock.core.chat import ChatRequest, Format, Message, Owner, TextPart
from penstock.core.failure import Failure
from penstock.core.traits import ANY_MODEL, Traits
from penstock.dialects.anthropic import DIALECT
from penstock.dialects.anthropic.provider.messages import tool_id
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.format_in_words import format_in_words
from penstock.dialects.openai.caller.request import read

PARIS: Final = use("call_1", "get_weather", {"city": "Paris"})
TIME: Final = use("call_2", "get_time", {})


FORM: Final = {"format": {"type": "json_schema", "schema": SCHEMA}}
ODD: Final = tool_id("functions.get_time:0")


def after_call(*results: dict[str, Any], tools: tuple[dict[str, Any], ...] = (FORECAST,)) -> dict[str, Any]:
    return sent(ASKED, turn("assistant", PARIS), turn("user", *results), tools=list(tools))


# fmt: off
EXPECTED: Final[dict[str, tuple[dict[str, Any], tuple[str, ...]]]] = {
    "plain": (sent(), ()),
    "system": (sent(system=[BRIEF]), ()),
    "developer": (sent(system=[BRIEF]), ()),
    "two_systems": (sent(system=[BRIEF, say("Be kind.")]), ()),
    "system_parts": (sent(system=[BRIEF, say("Be kind.")]), ()),
    "system_only": (sent(turn("user", say("Be brief."))), ()),
    "late_system": (sent(ASKED, HI, turn("user", say("Now in French."), say("And?"))), ()),
    "history": (sent(ASKED, HI, turn("user", say("How are you?"))), ()),
    "two_users": (sent(turn("user", say("One."), say("Two."))), ()),
    "two_assistants": (sent(ASKED, turn("assistant", say("Hi"), say("there")), turn("user", say("Go on"))), ()),
    "assistant_first": (sent(turn("assistant", say("Welcome")), ASKED), ()),
    "named_user": (sent(), ("messages[0].name",)),
    "prefill": (sent(ASKED, turn("assistant", say("The answer is"))), ()),
    "empty_assistant": (sent(turn("user", say("Hello"), say("Still there?"))), ()),
    "refused_before": (sent(ASKED, turn("assistant", say("I can't.")), turn("user", say("Why?"))), ()),
    "unicode": (sent(turn("user", say("Ünïcödé 🙂 \u0000 \u2028 日本語 \U0001f468\u200d\U0001f469\u200d\U0001f467"))), ()),
    "parts": (sent(turn("user", say("One."), say("Two."))), ()),
    "image_data": (sent(turn("user", say("What is this?"), picture())), ()),
    "image_url": (sent(turn("user", say("What is this?"), {"type": "image", "source": {"type": "url", "url": "https://example.com/cat.jpg"}})), ()),
    "image_detail": (sent(turn("user", picture(), say("What is this?"))), ("messages[0].content[0].image_url.detail",)),
    "two_images": (sent(turn("user", picture(), say("and"), picture("image/webp"))), ()),
    "pdf_in_image_url": (sent(turn("user", say("Sum up."), document(PDF_SOURCE))), ()),
    "file_data": (sent(turn("user", say("Sum up."), document(PDF_SOURCE, title="a report.pdf"))), ()),
    "file_url": (sent(turn("user", say("Sum up."), document({"type": "url", "url": "https://example.com/report.pdf"}))), ()),
    "file_id": (sent(turn("user", say("Sum up."), document({"type": "file", "file_id": "file-123"}))), ()),
    "file_text": (sent(turn("user", document({"type": "text", "media_type": "text/plain", "data": "Hello"}, title="notes.txt"), say("Sum up."))), ()),
    "audio": (sent(turn("user", say("What is said?"))), ("messages[0].content[1]",)),
    "video": (sent(turn("user", say("What happens?"))), ("messages[0].content[1]",)),
    "unknown_part": (sent(turn("user", say("See."))), ("messages[0].content[1]",)),
    "tools": (sent(tools=[FORECAST, CLOCK]), ()),
    "tool_strict": (sent(tools=[{**FORECAST, "strict": True, "input_schema": {**FORECAST["input_schema"], "additionalProperties": False}}]), ()),
    "tool_huge": (sent(tools=[{"name": "fill", "input_schema": HUGE_SCHEMA}]), ()),
    "tool_unicode": (sent(tools=[{"name": "wetter", "description": "Wie ist’s in „Köln“? ☔", "input_schema": NOTHING}]), ()),
    "choice_auto": (sent(tools=[FORECAST], tool_choice={"type": "auto"}), ()),
    "choice_none": (sent(tools=[FORECAST], tool_choice={"type": "none"}), ()),
    "choice_required": (sent(tools=[FORECAST], tool_choice={"type": "any"}), ()),
    "choice_named": (sent(tools=[FORECAST, CLOCK], tool_choice={"type": "tool", "name": "get_time"}), ()),
    "choice_allowed": (sent(tools=[FORECAST, CLOCK], tool_choice={"type": "tool", "name": "get_time"}), ()),
    "not_parallel": (sent(tools=[FORECAST], tool_choice={"type": "auto", "disable_parallel_tool_use": True}), ()),
    "parallel": (sent(tools=[FORECAST]), ()),
    "one_call": (after_call(SUNNY), ()),
    "call_and_text": (sent(ASKED, turn("assistant", say("Let me see."), PARIS), turn("user", SUNNY), tools=[FORECAST]), ()),
    "two_calls": (sent(ASKED, turn("assistant", PARIS, TIME), turn("user", SUNNY, answer("call_2", content='{"hour": 9}')), tools=[FORECAST, CLOCK]), ()),
    "same_function_twice": (sent(ASKED, turn("assistant", PARIS, use("call_3", "get_weather", {"city": "Rome"})), turn("user", answer("call_3", content="Rain"), SUNNY), tools=[FORECAST]), ()),
    "results_then_user": (after_call(SUNNY, say("And tomorrow?")), ()),
    "result_parts": (after_call(answer("call_1", content=[say("Sunny"), say(" and warm")])), ()),
    "result_empty": (after_call(answer("call_1")), ()),
    "result_image": (after_call(answer("call_1", content=[say("A map:"), picture()])), ()),
    "arguments_empty": (sent(ASKED, turn("assistant", TIME), turn("user", answer("call_2", content="9")), tools=[CLOCK]), ()),
    "arguments_broken": (sent(ASKED, turn("assistant", use("call_1", "get_weather", {"INVALID_JSON": '{"city": "Par'})), turn("user", answer("call_1", content="?")), tools=[FORECAST]), ()),
    "odd_id": (sent(ASKED, turn("assistant", use(ODD, "get_time", {})), turn("user", answer(ODD, content="9")), tools=[CLOCK]), ()),
    "call_without_result": (after_call(say("Never mind.")), ()),
    "legacy_functions": (sent(tools=[FORECAST], tool_choice={"type": "auto"}), ()),
    "native_tool": (sent(tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]), ()),
    "custom_tool": (sent(tools=[{"name": "shell", "description": SHELL["description"], "input_schema": SHELL["parameters"]}]), ()),
    "format_text": (sent(), ()),
    "format_json": (
        sent(turn("user", say("Answer in JSON.")), system=[say(format_in_words(Format("json_object")))]), ("response_format",)
    ),
    "format_schema": (sent(output_config=FORM), ()),
    "format_and_tools": (sent(tools=[FORECAST], output_config=FORM), ()),
    "max_tokens": (sent(max_tokens=100), ()),
    "max_completion_tokens": (sent(max_tokens=200), ()),
    "both_limits": (sent(max_tokens=200), ()),
    "temperature": (sent(temperature=0.7), ()),
    "temperature_high": (sent(temperature=1), ("temperature",)),
    "top_p": (sent(top_p=0.9), ()),
    "temperature_and_top_p": (sent(temperature=0.2, top_p=0.9), ()),
    "top_k": (sent(top_k=40), ()),
    "stop_string": (sent(stop_sequences=["END"]), ()),
    "stop_list": (sent(stop_sequences=["END"]), ("stop[1]",)),
    "penalties": (sent(), ("presence_penalty", "frequency_penalty")),
    "no_penalties": (sent(), ()),
    "seed": (sent(), ("seed",)),
    "n": (sent(), ("n",)),
    "n_one": (sent(), ()),
    "logprobs": (sent(), ("logprobs", "top_logprobs")),
    "logit_bias": (sent(), ("logit_bias",)),
    "modalities_audio": (sent(), ("modalities", "audio")),
    "prediction": (sent(), ("prediction",)),
    "effort_none": (sent(), ()),
    "effort_low": (sent(max_tokens=4000), ("reasoning_effort",)),
    "effort_high": (sent(), ("reasoning_effort",)),
    "thinking": (sent(thinking={"type": "enabled", "budget_tokens": 2048}), ()),
    "thinking_off": (sent(thinking={"type": "disabled"}), ()),
    "reasoning_before": (sent(ASKED, HI, turn("user", say("And?"))), ()),
    "signed_by_anthropic": (sent(ASKED, turn("assistant", {"type": "thinking", "thinking": "Look it up.", "signature": "c2ln"}, PARIS), turn("user", SUNNY), tools=[FORECAST]), ()),
    "redacted_by_anthropic": (sent(ASKED, turn("assistant", {"type": "redacted_thinking", "data": "ZW5jcnlwdGVk"}, say("Hi")), turn("user", say("And?"))), ()),
    "signed_by_google": (after_call(SUNNY), ("messages.reasoning_details",)),
    "user": (sent(metadata={"user_id": "user-123"}), ()),
    "metadata": (sent(), ("metadata",)),
    "store": (sent(), ("store",)),
    "service_tier": (sent(), ("service_tier",)),
    "stream": (sent(stream=True), ()),
    "unknown_parameter": (sent(), ("frobnicate",)),
    "cache_system": (sent(system=[say("A long text.", cache_control=EPHEMERAL)]), ()),
    "cache_user": (sent(turn("user", say("A long text.", cache_control={"type": "ephemeral", "ttl": "1h"}), say("A question."))), ()),
    "cache_tool": (sent(tools=[{**FORECAST, "cache_control": EPHEMERAL}]), ()),
    "cache_message": (sent(turn("user", say("A long text.", cache_control=EPHEMERAL))), ()),
}
# fmt: on
NOTHING_TO_SAY: Final = {"empty_content"}


@pytest.mark.parametrize("name", MATRIX)
def test_every_request_of_the_matrix(name: str) -> None:
    payload = DIALECT.write(request(MATRIX[name]), WriteContext("claude"))
    if name in NOTHING_TO_SAY:
        assert isinstance(payload, Failure)
        assert payload.param == "messages"
        return
    assert isinstance(payload, Payload)
    assert (json.loads(payload.body), payload.dropped) == EXPECTED[name]


# The form of the answer.


def schema_of(schema: dict[str, Any], **traits: Any) -> Any:
    form = {"type": "json_schema", "json_schema": {"name": "reply", "description": "A reply", "schema": schema}}
    body, payload = write(ask(response_format=form), Traits(**traits))
    return body.get("output_config"), payload.dropped


def test_every_object_of_a_schema_is_closed() -> None:
    leaf = {"type": ["object", "null"], "properties": {"items": {"type": "string"}}}
    closed = {**leaf, "additionalProperties": False}
    free = {"type": "object", "additionalProperties": {"type": "string"}}

    def tree(node: dict[str, Any]) -> dict[str, Any]:
        inner = {"list": {"type": "array", "items": node}, "any": {"anyOf": [node, {"type": "null"}]}, "free": free}
        return {"type": "object", "properties": inner, "$defs": {"node": node}}

    wanted = {**tree(closed), "additionalProperties": False}
    written, dropped = schema_of(tree(leaf))
    assert written == {"format": {"type": "json_schema", "schema": wanted}}
    assert dropped == ("response_format.json_schema.description",)


def test_a_schema_that_is_enforced_says_no_more_than_can_be() -> None:
    bounded = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "additionalProperties": False}
    fitted = {**bounded, "properties": {"n": {"type": "integer", "description": "minimum: 1"}}}
    assert schema_of(bounded) == (
        {"format": {"type": "json_schema", "schema": fitted}},
        ("response_format.json_schema.schema.minimum", "response_format.json_schema.description"),
    )
    function = {"name": "f", "parameters": bounded}
    strict, free = ({"type": "function", "function": {**function, **more}} for more in ({"strict": True}, {}))
    body, payload = write(ask(tools=[strict, free]))
    assert [tool["input_schema"] for tool in body["tools"]] == [fitted, bounded]
    assert payload.dropped == ("tools[0].function.parameters.minimum",)


def test_a_family_that_keeps_to_no_schema() -> None:
    assert schema_of(SCHEMA, json_schema=False) == (None, ("response_format",))


def test_a_schema_too_deep_to_look_into_passes_as_it_is() -> None:
    deep = b'{"type":"object","items":' * 100_000 + b"{}" + b"}" * 100_000
    asked = ChatRequest(
        "m", (Message("user", (TextPart("Hi"),)),), {"response_format": Format("json_schema", schema=deep)}
    )
    payload = DIALECT.write(asked, WriteContext("claude"))
    assert isinstance(payload, Payload)
    assert deep in payload.body


def test_anthropics_own_words_win() -> None:
    own = {"effort": "max", "format": {"type": "json_schema", "schema": {"type": "string"}}}
    body, payload = write(
        ask(output_config=own, reasoning_effort="low", response_format={"type": "json_object"}), ADAPTIVE
    )
    assert body["output_config"] == own
    assert payload.dropped == ("response_format",)


# Sampling.


def test_temperature_or_top_p() -> None:
    body, payload = write(MATRIX["temperature_and_top_p"], Traits(one_of_sampling=True))
    assert body == sent(temperature=0.2)
    assert payload.dropped == ("top_p",)
    assert write(MATRIX["top_p"], Traits(one_of_sampling=True))[0] == sent(top_p=0.9)
    body, payload = write(ask(temperature=1, top_p=0.9), Traits(one_of_sampling=True))
    assert (body, payload.dropped) == (sent(top_p=0.9), ())


def test_what_a_family_refuses_is_dropped_unless_it_says_nothing() -> None:
    traits = Traits(refuses=frozenset({"temperature", "top_p", "top_k"}))
    body, payload = write(ask(temperature=1, top_p=0.5, top_k=4), traits)
    assert body == sent()
    assert payload.dropped == ("top_p", "top_k")


def test_sampling_while_thinking() -> None:
    on = {"type": "enabled", "budget_tokens": 1024}
    body, payload = write(ask(thinking=on, temperature=0.3, top_p=0.97, top_k=4), Traits(one_of_sampling=True))
    assert body == sent(thinking=on, top_p=0.97)
    assert payload.dropped == ("temperature", "top_k")
    assert write(ask(thinking=on, temperature=1, top_p=0.5))[1].dropped == ("top_p",)


def test_numbers_keep_their_values() -> None:
    body, _ = write(ask(temperature=-1, top_p=-1, max_tokens=0))
    assert body == sent(temperature=-1, top_p=-1, max_tokens=0)


def test_anthropics_own_parameters_pass() -> None:
    own: dict[str, Any] = {
        "cache_control": EPHEMERAL,
        "container": "container_1",
        "inference_geo": "us",
        "service_tier": "standard_only",
        "stop_sequences": ["X", " "],
        "metadata": {"user_id": "u", "team": "a"},
    }
    body, payload = write(ask(**own, stop="END", user="someone"))
    assert body == sent(**{**own, "stop_sequences": ["END", "X"], "metadata": {"user_id": "u"}})
    assert payload.dropped == ("user", "metadata.team", "stop_sequences[1]")


def test_vertex() -> None:
    body, payload = write(ask(stream=True, service_tier="standard_only"), variant="vertex", anthropic_beta="a, b")
    assert body == {
        "max_tokens": 4096,
        "messages": [ASKED],
        "stream": True,
        "anthropic_version": "vertex-2023-10-16",
    }
    assert payload.headers == (("anthropic-beta", "a,b"),)
    assert payload.dropped == ("service_tier",)


def test_bedrock() -> None:
    asked = ask(stream=True, anthropic_beta=["b", "c"], anthropic_version="bedrock-2024-01-01")
    body, payload = write(asked, variant="bedrock", anthropic_beta="a,b", anthropic_version="2023-06-01")
    assert body == {
        "max_tokens": 4096,
        "messages": [ASKED],
        "anthropic_version": "bedrock-2024-01-01",
        "anthropic_beta": ["a", "b", "c"],
    }
    assert payload.headers == ()
    assert payload.dropped == ()
    assert write(ask(anthropic_version="2023-06-01"), variant="bedrock")[1].dropped == ("anthropic_version",)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "name", "edits", "text", "source"]), inner, max_size=3)
    ),
    max_leaves=8,
)
_NAMES = st.sampled_from(
    """tools tool_choice response_format thinking reasoning output_config stop_sequences metadata service_tier user
    anthropic_beta anthropic_version mcp_servers context_management container""".split()
)
_TRAITS = st.sampled_from([ANY_MODEL, BUDGET, ADAPTIVE, UNASKED, Traits(owner=Owner.ANTHROPIC, forced_tools=False)])


@given(
    st.sampled_from(sorted(MATRIX)),
    st.dictionaries(_NAMES, _VALUES, max_size=3),
    _TRAITS,
    st.sampled_from(["", "vertex", "bedrock"]),
)
@settings(max_examples=150, deadline=None)
def test_any_readable_request_is_written_or_refused(
    name: str, odd: dict[str, Any], traits: Traits, variant: str
) -> None:
    found = read(json.dumps({**MATRIX[name], **odd}).encode())
    if isinstance(found, ChatRequest):
        payload = DIALECT.write(found, WriteContext("claude", "anthropic", traits, {}, variant))
        if isinstance(payload, Payload):
            body = json.loads(payload.body)
            roles = [each["role"] for each in body["messages"]]
            assert all(one != next_one for one, next_one in pairwise(roles))
            assert isinstance(body["max_tokens"], int)


@pytest.mark.parametrize("name", ["a\r\nx-other: y", "a\x00", "\ud800", "\u00e4"])
@pytest.mark.parametrize("variant", ["", "vertex", "bedrock"])
def test_versions_and_betas_that_no_header_can_hold_stay_behind(name: str, variant: str) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    asked = {**body, "anthropic_beta": [name, "good"], "anthropic_version": f"2023-06-01{name}"}
    request = read(json.dumps(asked).encode())
    assert not isinstance(request, Failure), request
    context = WriteContext("claude-sonnet-4-5", options={"anthropic_beta": f"lent,{name}"}, variant=variant)
    payload = DIALECT.write(request, context)
    assert isinstance(payload, Payload), payload
    told = [*dict(payload.headers).values(), *json.loads(payload.body).get("anthropic_beta", ())]
    assert all(value.isascii() and value.isprintable() for value in told)
    assert any("good" in value for value in told)
    assert {"anthropic_beta", "anthropic_version"} <= set(payload.dropped)
