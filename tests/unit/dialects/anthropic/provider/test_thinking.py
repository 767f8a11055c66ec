"""How much to think, as each family of Claude is told."""

from __future__ import annotations

from typing import Any, Final

import pytest

from claude_requests import ADAPTIVE, BUDGET, UNASKED, sent, write
from matrix import (
    HELLO,
    MATRIX,
    WEATHER,
    WEATHER_CALL,
    ask,
    called,
    result,
)
from penstock.core.traits import Traits
from penstock.traits import resolve

# fmt: off
BUDGETS: Final[list[tuple[Any, ...]]] = [
    ({"reasoning_effort": "minimal"}, 64_000, 1024, ()),
    ({"reasoning_effort": "low"}, 64_000, 1024, ()),
    ({"reasoning_effort": "medium"}, 64_000, 8192, ()),
    ({"reasoning_effort": "high"}, 64_000, 16_384, ()),
    ({"reasoning_effort": "xhigh"}, 64_000, 32_768, ()),
    ({"reasoning": {"enabled": True}}, 64_000, 8192, ()),
    ({"reasoning": {"max_tokens": 100_000}}, 104_096, 100_000, ()),
    ({"reasoning": {"max_tokens": 5000}, "max_tokens": 4000}, 4000, 2000, ("reasoning.max_tokens",)),
    ({"reasoning_effort": "high", "max_tokens": 16_385}, 16_385, 16_384, ()),
    ({"reasoning_effort": "high", "max_tokens": 10_000}, 10_000, 5000, ()),
    ({"reasoning_effort": "high", "max_tokens": 1500}, 1500, 1024, ()),
    ({"reasoning_effort": "low", "max_tokens": 1024}, 1024, None, ("reasoning_effort",)),
    ({"reasoning_effort": "none"}, 64_000, None, ()),
    ({"reasoning_effort": "utmost"}, 64_000, None, ("reasoning_effort",)),
]
# fmt: on


@pytest.mark.parametrize(("asked", "tokens", "budget", "dropped"), BUDGETS)
def test_thinking_by_budget(asked: dict[str, Any], tokens: int, budget: int | None, dropped: tuple[str, ...]) -> None:
    body, payload = write(ask(**asked), BUDGET)
    thinking = {} if budget is None else {"thinking": {"type": "enabled", "budget_tokens": budget}}
    assert body == sent(**{"max_tokens": tokens, **thinking})
    assert payload.dropped == dropped


def test_a_default_limit_leaves_room_for_the_answer() -> None:
    body, _ = write(ask(reasoning_effort="high"), Traits(thinking="budget", budgets={"high": 9000}))
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (13_096, 9000)
    own = {"type": "enabled", "budget_tokens": 9000}
    assert write(ask(thinking=own))[0] == sent(max_tokens=13_096, thinking=own)
    assert write(ask(thinking=own, max_tokens=50))[0] == sent(max_tokens=50, thinking=own)


# fmt: off
ADAPTED: Final[list[tuple[Any, ...]]] = [
    ({"reasoning_effort": "minimal"}, "low", ()),
    ({"reasoning_effort": "xhigh"}, "max", ()),
    ({"reasoning_effort": "utmost"}, None, ("reasoning_effort",)),
    ({"reasoning": {"enabled": True}}, None, ()),
    ({"reasoning": {"max_tokens": 8000}}, "medium", ()),
    ({"reasoning": {"max_tokens": 999_999}}, "max", ()),
]
# fmt: on


@pytest.mark.parametrize(("asked", "effort", "dropped"), ADAPTED)
def test_adaptive_thinking(asked: dict[str, Any], effort: str | None, dropped: tuple[str, ...]) -> None:
    body, payload = write(ask(**asked), ADAPTIVE)
    beside = {"output_config": {"effort": effort}} if effort else {}
    assert body == sent(max_tokens=64_000, thinking={"type": "adaptive"}, **beside)
    assert payload.dropped == dropped


def test_effort_beside_thinking_in_anthropics_words() -> None:
    asked = ask(thinking={"type": "adaptive", "display": "summarized"}, reasoning_effort="high")
    body, _ = write(asked, ADAPTIVE)
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": "high"}
    assert write(asked, BUDGET)[1].dropped == ("reasoning_effort",)


def test_families_that_think_unasked() -> None:
    assert "thinking" not in write(ask(), UNASKED)[0]
    assert write(ask(reasoning_effort="none"), UNASKED)[0]["thinking"] == {"type": "disabled"}
    between = Traits(thinks_unasked=True, thinking_off="between_tools")
    assert write(ask(reasoning={"enabled": False}), between)[0]["thinking"] == {"type": "between_tools"}
    always = Traits(thinks_unasked=True, can_stop_thinking=False)
    body, payload = write(ask(reasoning_effort="none"), always)
    assert "thinking" not in body
    assert payload.dropped == ("reasoning_effort",)


def test_a_forced_tool_and_thinking_exclude_each_other() -> None:
    forced = ask(tools=[WEATHER], tool_choice="required")
    body, payload = write({**forced, "reasoning_effort": "low"}, BUDGET)
    assert body["tool_choice"] == {"type": "any"}
    assert "thinking" not in body
    assert payload.dropped == ("reasoning_effort",)
    body, payload = write({**MATRIX["choice_named"], "reasoning_effort": "low"}, BUDGET)
    assert body["tool_choice"]["type"] in {"tool", "any"}
    assert payload.dropped == ("reasoning_effort",)
    body, payload = write({**forced, "thinking": {"type": "enabled", "budget_tokens": 2000}}, BUDGET)
    assert ("thinking" in body, payload.dropped) == (False, ("thinking",))
    body, payload = write(forced, UNASKED)  # nobody asked it to think
    assert body["thinking"] == {"type": "disabled"}
    assert body["tool_choice"] == {"type": "any"}
    assert payload.dropped == ()
    assert write(forced, Traits(thinks_unasked=True, can_stop_thinking=False))[1].dropped == ("tool_choice",)
    assert write(forced, Traits(forced_tools=False))[1].dropped == ("tool_choice",)


def test_a_tool_is_forced_while_a_claude_thinks_by_itself() -> None:
    forced = ask(tools=[WEATHER], tool_choice="required")
    for model in ("claude-opus-4-8", "claude-sonnet-5", "claude-haiku-5-5", "claude-fable-5"):
        traits = resolve(model)
        body, payload = write({**forced, "reasoning_effort": "high"}, traits)
        assert (body["tool_choice"], payload.dropped) == ({"type": "any"}, ())
        assert body["thinking"] == {"type": "adaptive"}
        assert "thinking" not in write(forced, traits)[0]
    for model in ("claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5-1"):  # they are never forced
        body, payload = write({**forced, "reasoning_effort": "high"}, resolve(model))
        assert (body["tool_choice"], payload.dropped) == ({"type": "auto"}, ("tool_choice",))
    body, payload = write({**forced, "reasoning_effort": "high"}, resolve("claude-opus-4-7"))
    assert (body["tool_choice"], payload.dropped) == ({"type": "any"}, ("reasoning_effort",))


def test_a_budget_below_the_least_is_raised_or_left_out() -> None:
    small = {"type": "enabled", "budget_tokens": 500}
    body, payload = write({**ask(), "max_tokens": 4000, "thinking": small}, BUDGET)
    assert (body["thinking"]["budget_tokens"], payload.dropped) == (1024, ())
    body, payload = write({**ask(), "max_tokens": 1000, "thinking": small}, BUDGET)
    assert ("thinking" in body, payload.dropped) == (False, ("thinking",))


ENABLED: Final = {"type": "enabled", "budget_tokens": 9000, "display": "summarized"}


@pytest.mark.parametrize(
    ("model", "thinking", "told", "effort", "dropped"),
    [
        ("claude-sonnet-4-5", ENABLED, ENABLED, None, ()),
        ("claude-opus-4-6", ENABLED, ENABLED, None, ()),
        ("claude-opus-4-8", ENABLED, {"type": "adaptive", "display": "summarized"}, "high", ()),
        ("claude-sonnet-5-5", {"type": "disabled"}, {"type": "between_tools"}, None, ()),
        ("claude-sonnet-5", {"type": "disabled"}, {"type": "disabled"}, None, ()),
        ("claude-opus-5-5", {"type": "disabled"}, None, None, ("thinking",)),
        ("claude-next", ENABLED, ENABLED, None, ()),
    ],
)
def test_thinking_in_older_words_is_told_in_those_that_the_model_knows(
    model: str, thinking: dict[str, Any], told: Any, effort: str | None, dropped: tuple[str, ...]
) -> None:
    body, payload = write(ask(thinking=thinking), resolve(model))
    assert body.get("thinking") == told
    assert body.get("output_config", {}).get("effort") == effort
    assert payload.dropped == dropped


SIGNED: Final = {"type": "reasoning.text", "text": "Hm.", "signature": "s", "format": "anthropic-claude-v1", "index": 0}


def test_a_budget_needs_the_thought_before_the_calls_that_are_answered() -> None:
    traits = resolve("claude-sonnet-4-5")

    def loop(*details: dict[str, Any], then: tuple[Any, ...] = ()) -> dict[str, Any]:
        calls = {**called(WEATHER_CALL), **({"reasoning_details": list(details)} if details else {})}
        return ask(HELLO, calls, result("call_1", "Sunny"), *then, tools=[WEATHER])

    for asked in ({"reasoning_effort": "low"}, {"thinking": {"type": "enabled", "budget_tokens": 2000}}):
        assert "thinking" in write({**loop(SIGNED), **asked}, traits)[0]
        body, payload = write({**loop(), **asked}, traits)
        assert ("thinking" in body, payload.dropped) == (False, tuple(asked))
        google = {**SIGNED, "format": "google-gemini-v1"}
        assert "thinking" not in write({**loop(google), **asked}, traits)[0]
        assert "thinking" in write({**loop(then=(HELLO,)), **asked}, traits)[0]
    assert "thinking" in write({**loop(), "reasoning_effort": "low"}, resolve("claude-opus-4-8"))[0]


def test_an_effort_never_asks_for_more_than_the_model_says() -> None:
    body, payload = write(ask(reasoning_effort="max"), resolve("claude-opus-4-1"))
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (32_000, 27_904)
    assert payload.dropped == ()
