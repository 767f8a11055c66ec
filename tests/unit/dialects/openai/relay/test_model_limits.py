"""Lane 1, as one model takes it: what it refuses goes and is named, how much to think is said its way, the rest stays."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.body import Body
from penstock.core.traits import ANY_MODEL, Traits
from penstock.dialects.chat_quirks import ENABLE_THINKING, THINKING_TYPE, WORDS, ThinkingControl
from penstock.dialects.openai.relay.model_limits import fit_to_model
from penstock.providers.registry import PROVIDERS
from penstock.traits.resolve import resolve
from penstock.traits.row import EFFORTS

MESSAGES = [{"role": "system", "content": "s"}, {"role": "developer", "content": "d"}, {"role": "user", "content": "u"}]


def adapt_request(
    traits: Traits, control: ThinkingControl | None = None, **members: Any
) -> tuple[dict[str, Any], tuple[str, ...]]:
    body, refused = fit_to_model(Body.parse(json.dumps({"messages": MESSAGES, **members}).encode()), traits, control)
    changed: dict[str, Any] = json.loads(body.encode())
    if changed["messages"] == MESSAGES:
        del changed["messages"]
    return changed, refused


def test_limits_are_named_as_the_model_knows_them() -> None:
    new, old = Traits(max_completion_tokens=True), Traits(max_completion_tokens=False)
    assert adapt_request(new, max_tokens=5) == ({"max_completion_tokens": 5}, ())
    assert adapt_request(old, max_completion_tokens=5) == ({"max_tokens": 5}, ())
    assert adapt_request(new, max_tokens=5, max_completion_tokens=6) == ({"max_completion_tokens": 6}, ("max_tokens",))
    assert adapt_request(ANY_MODEL, max_tokens=5) == ({"max_tokens": 5}, ())


def test_what_the_model_refuses_goes_and_is_named() -> None:
    traits = Traits(refuses=frozenset({"stop", "temperature"}))
    assert adapt_request(traits, stop=["x"], seed=1, temperature=None) == ({"seed": 1, "temperature": None}, ("stop",))


@pytest.mark.parametrize(
    ("effort", "thinks_unasked", "stays"),
    [("none", True, True), ("low", False, False), (None, True, False), (None, False, True)],
)
def test_what_it_refuses_while_it_thinks(effort: str | None, thinks_unasked: bool, stays: bool) -> None:
    traits = Traits(refuses_thinking=frozenset({"top_p"}), thinks_unasked=thinks_unasked)
    changed, refused = adapt_request(traits, top_p=0.5, reasoning_effort=effort)
    assert ("top_p" in changed, refused) == (stays, () if stays else ("top_p",))


def test_a_model_without_system_messages_reads_them_as_the_users() -> None:
    changed, refused = adapt_request(Traits(system_role=False))
    assert [message["role"] for message in changed["messages"]] == ["user", "user", "user"]
    assert not refused


ON, OFF = {"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}}


@pytest.mark.parametrize(
    ("provider", "model", "given", "sent", "refused"),
    [
        ("x-ai", "grok-4.5", "low", {"reasoning_effort": "low"}, ()),
        ("x-ai", "grok-4.5", "minimal", {"reasoning_effort": "low"}, ()),
        ("x-ai", "grok-4.5", "xhigh", {"reasoning_effort": "high"}, ()),
        ("x-ai", "grok-4.5", "none", {}, ("reasoning_effort",)),
        ("x-ai", "grok-4.3", "none", {"reasoning_effort": "none"}, ()),
        ("x-ai", "grok-3-mini", "medium", {"reasoning_effort": "high"}, ()),
        ("x-ai", "grok-4", "low", {}, ("reasoning_effort",)),
        ("x-ai", "grok-4.5", "ultra", {"reasoning_effort": "ultra"}, ()),
        ("deepseek", "deepseek-v4-pro", "high", {"reasoning_effort": "high"}, ()),
        ("deepseek", "deepseek-v4-pro", "none", OFF, ()),
        ("deepseek", "deepseek-chat", "low", ON, ()),
        ("deepseek", "deepseek-reasoner", "low", {"reasoning_effort": "low"}, ()),
        ("moonshot", "kimi-k2.5", "none", OFF, ()),
        ("moonshot", "kimi-k3", "medium", {"reasoning_effort": "high"}, ()),
        ("z-ai", "glm-4.6", "minimal", ON, ()),
        ("z-ai", "glm-5.2", "none", OFF, ()),
        ("zhipu", "glm-5.3", "none", {}, ("reasoning_effort",)),
        ("dashscope", "qwen3-32b", "none", {"enable_thinking": False}, ()),
        ("dashscope", "qwen-plus", "high", {"enable_thinking": True}, ()),
        ("dashscope", "qwen-max", "high", {"reasoning_effort": "high"}, ()),
        ("openai", "gpt-5.1", "minimal", {"reasoning_effort": "minimal"}, ()),
        ("openai", "o3", "none", {"reasoning_effort": "none"}, ()),
    ],
)
def test_how_much_to_think(provider: str, model: str, given: str, sent: dict[str, Any], refused: Any) -> None:
    assert adapt_request(resolve(model, provider), PROVIDERS[provider].quirks.thinking, reasoning_effort=given) == (
        sent,
        refused,
    )


def test_a_switch_that_the_caller_sets_is_the_callers() -> None:
    own = {"reasoning_effort": "high", "thinking": {"type": "enabled"}}
    assert adapt_request(resolve("deepseek-v4-pro", "deepseek"), PROVIDERS["deepseek"].quirks.thinking, **own) == (
        own,
        (),
    )
    assert adapt_request(resolve("kimi-k2.6", "moonshot"), PROVIDERS["moonshot"].quirks.thinking, **own) == (
        ON,
        ("reasoning_effort",),
    )


CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": {}}]}
RESULT = {"role": "tool", "tool_call_id": "c", "content": "r"}


@pytest.mark.parametrize(
    ("provider", "model", "members", "wanted"),
    [
        ("deepseek", "deepseek-v4-pro", {}, True),
        ("deepseek", "deepseek-v4-pro", {"thinking": {"type": "disabled"}}, False),
        ("deepseek", "deepseek-v4-pro", {"reasoning_effort": "none"}, False),
        ("deepseek", "deepseek-chat", {}, False),
        ("deepseek", "deepseek-chat", {"reasoning_effort": "low"}, True),
        ("moonshot", "kimi-k2.6", {}, True),
        ("moonshot", "moonshot-v1-8k", {}, False),
        ("z-ai", "glm-4.6", {}, False),
    ],
)
def test_calls_come_back_with_a_thought_where_one_is_wanted(
    provider: str, model: str, members: dict[str, Any], wanted: bool
) -> None:
    told, said = {**CALL, "reasoning_content": "Hm"}, {"role": "assistant", "content": "x", "reasoning": "Oh"}
    messages = [{"role": "user", "content": "u"}, CALL, RESULT, told, RESULT, said]
    changed, _ = adapt_request(
        resolve(model, provider), PROVIDERS[provider].quirks.thinking, **{**members, "messages": messages}
    )
    thoughts = [message.get("reasoning_content") for message in changed["messages"]]
    assert thoughts == ([None, " ", None, "Hm", None, "Oh"] if wanted else [None, None, None, "Hm", None, None])


@pytest.mark.parametrize("half", [{"reasoning_content": "\ud800"}, {"reasoning": "\ud800"}, {"tool_calls": ["\ud800"]}])
def test_half_a_character_is_no_reason_to_fail(half: dict[str, Any]) -> None:
    given = {"messages": [CALL, RESULT, {"role": "assistant", **half}]}
    changed, refused = adapt_request(
        resolve("deepseek-v4-pro", "deepseek"), PROVIDERS["deepseek"].quirks.thinking, **given
    )
    assert changed.keys() == {"messages"}
    assert not refused


@pytest.mark.parametrize("messages", ["tool_calls", [5, "tool_calls"], [{"role": "assistant", "tool_calls": []}]])
def test_without_calls_nothing_is_wanted(messages: Any) -> None:
    given = {"messages": messages}
    assert adapt_request(resolve("deepseek-v4-pro", "deepseek"), PROVIDERS["deepseek"].quirks.thinking, **given) == (
        given,
        (),
    )


@pytest.mark.parametrize("given", [None, 5, ["low"], {"effort": "low"}])
def test_no_word_is_no_effort(given: Any) -> None:
    assert adapt_request(resolve("glm-4.6", "z-ai"), THINKING_TYPE, reasoning_effort=given) == (
        {"reasoning_effort": given},
        (),
    )


@given(
    st.sampled_from(sorted(row.slug for row in PROVIDERS.values() if row.quirks.applies_model_limits)),
    st.sampled_from(["gpt-5", "o1-mini", "grok-4", "glm-4.6", "kimi-k2.5", "deepseek-chat", "qwen3-32b", "nobody's"]),
    st.dictionaries(
        st.sampled_from(["temperature", "stop", "n", "top_p", "max_tokens", "reasoning_effort", "seed", "x"]),
        st.one_of(st.none(), st.integers(), st.sampled_from(("none", *EFFORTS))),
    ),
)
def test_what_is_not_named_arrives(slug: str, model: str, members: dict[str, Any]) -> None:
    changed, refused = adapt_request(resolve(model, slug), PROVIDERS[slug].quirks.thinking, **members)
    told = {"max_tokens": "max_completion_tokens", "reasoning_effort": PROVIDERS[slug].quirks.thinking}
    for name, value in members.items():
        if name not in refused and name not in told:
            assert changed[name] == value
    assert set(refused) <= set(members)
    controls = {WORDS.switch, THINKING_TYPE.switch, ENABLE_THINKING.switch}
    assert set(changed) <= {*members, "messages", "max_completion_tokens", *controls}
