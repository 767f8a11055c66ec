import json
from typing import Any

import pytest

from judging import guards_of, hooks_of
from penstock.guards.base import Phase
from penstock.guards.plan import HookType, StreamMode
from penstock.guards.read import HEADERS, GuardPolicy
from penstock.routing.budget import OverBudget

WORDS: dict[str, Any] = {"words": ["bad"], "operator": "none"}
CHECK: dict[str, Any] = {"default.contains": WORDS}
LONG: dict[str, Any] = {"type": "guardrail", "id": "g", "checks": [{"id": "contains", "parameters": WORDS}]}


def problems(config: dict[str, Any], **more: Any) -> list[str | None]:
    return guards_of(config, **more)[1]


def test_the_short_form() -> None:
    [hook], [] = hooks_of({"input_guardrails": [{"contains": WORDS, "deny": True, "name": "words", "guardrail_version_id": "v"}]})  # fmt: skip
    assert (hook.id, hook.type, hook.deny, hook.is_async, hook.sequential) == (
        "input_guardrail_000", HookType.GUARDRAIL, True, False, False,
    )  # fmt: skip
    assert [each.id for each in hook.checks] == ["default.contains"]


def test_one_check_twice_and_one_that_is_off() -> None:
    second = {"id": "default.contains", **WORDS}
    off = {"words": [], "operator": "any", "is_enabled": False}
    [hook], _ = hooks_of({"input_guardrails": [{"contains": WORDS, "second": second, "default.Contains": off}]})
    assert [each.id for each in hook.checks] == ["default.contains", "default.contains"]


def test_mutators_and_types() -> None:
    before, after = hooks_of({"input_mutators": [CHECK], "output_guardrails": [{**CHECK, "type": "mutator"}]})
    assert [hook.type for hook in (*before, *after)] == [HookType.MUTATOR] * 2
    assert (before[0].id, after[0].id) == ("input_guardrail_000", "output_guardrail_000")
    assert before[0].is_sequential


def test_the_order_of_a_phase() -> None:
    config = {"input_mutators": [{**CHECK, "id": "c"}], "input_guardrails": [{**CHECK, "id": "b"}]}
    config["before_request_hooks"] = [{**LONG, "id": "a"}]
    headers = {HEADERS[Phase.BEFORE]: [{**CHECK, "id": "d"}]}
    before, _ = hooks_of(config, headers=headers, saved={"e": b'{"contains": {"words": [], "operator": "none"}}'}, policy=GuardPolicy(default_input=("e",)))  # fmt: skip
    assert [hook.id for hook in before] == ["a", "b", "c", "d", "e"]


def test_what_holds_everywhere_and_in_a_workspace_judges_once() -> None:
    saved = dict.fromkeys(("e", "w", "o"), b'{"contains": {"words": [], "operator": "none"}}')
    policy = GuardPolicy(default_input=("e",), workspace_input=("w", "e"), workspace_output=("o",))
    before, after = hooks_of({"input_guardrails": []}, saved=saved, policy=policy)
    assert ([hook.id for hook in before], [hook.id for hook in after]) == (["e", "w"], ["o"])


def test_a_guardrail_of_a_workspace_that_is_not_there_is_told() -> None:
    assert problems({}, saved={}, policy=GuardPolicy(workspace_input=("gone",))) == ["the workspace's defaults[0]"]


def test_spellings() -> None:
    config = {"inputGuardrails": [{**CHECK, "onFail": {"feedback": {"value": -5, "metadata": {"user_id": 1}}}}]}
    [hook], _ = hooks_of(config)
    assert hook.on_fail is not None
    assert (hook.on_fail.value, hook.on_fail.metadata) == (-5, {"user_id": 1})
    [hook], _ = hooks_of({"beforeRequestHooks": [{"checks": [{"id": "contains", "parameters": WORDS, "isEnabled": True}]}]})  # fmt: skip
    assert len(hook.checks) == 1
    [hook], _ = hooks_of({"input_mutators": [{"contains": WORDS, "on_fail": {"feedback": {"weight": 1}}}]})
    assert [each.id for each in hook.checks] == ["default.contains"]


@pytest.mark.parametrize(
    ("hooks", "path"),
    [
        ("x", "config.input_guardrails"),
        ({}, "config.input_guardrails"),
        ([None], "config.input_guardrails[0]"),
        ([1], "config.input_guardrails[0]"),
        (["unknown"], "config.input_guardrails[0]"),
        ([{}], "config.input_guardrails[0]"),
        ([{"id": "pg-1"}], "config.input_guardrails[0]"),
        ([{"contains": None}], "config.input_guardrails[0].contains"),
        ([{"contains": [1]}], "config.input_guardrails[0].contains"),
        ([{**CHECK, "deny": "false"}], "config.input_guardrails[0].deny"),
        ([{**CHECK, "async": 1}], "config.input_guardrails[0].async"),
        ([{**CHECK, "type": "x"}], "config.input_guardrails[0].type"),
        ([{"contains": {**WORDS, "is_enabled": "yes"}}], "config.input_guardrails[0].contains.is_enabled"),
        ([{"contians": WORDS}], "config.input_guardrails[0].contians"),
        ([{"bedrock.nothing": {}}], "config.input_guardrails[0].bedrock.nothing"),
        ([{"contains": {"words": ["a"]}}], "config.input_guardrails[0].contains.operator"),
        ([{"contains": {**WORDS, "x": 1}}], "config.input_guardrails[0].contains.x"),
        ([{**CHECK, "on_fail": {"deny": True}}], "config.input_guardrails[0].on_fail.deny"),
        ([{**CHECK, "on_fail": "x"}], "config.input_guardrails[0].on_fail"),
        ([{**CHECK, "soft_deny_200": True}], "config.input_guardrails[0].soft_deny_200"),
        ([{**LONG, "checks": {}}], "config.input_guardrails[0].checks"),
        ([{**LONG, "checks": [{"parameters": {}}]}], "config.input_guardrails[0].checks[0]"),
        ([{**LONG, "checks": [{"id": "contains", "parameters": []}]}], "config.input_guardrails[0].checks[0].parameters"),
        ([{"regexMatch": {"rule": "("}}], "config.input_guardrails[0].regexMatch.rule"),
        ([{"contains": {**WORDS, "scope": "some"}}], "config.input_guardrails[0].contains.scope"),
        ([{"contains": {**WORDS, "kinds": ["texts"]}}], "config.input_guardrails[0].contains.kinds"),
    ],
)  # fmt: skip
def test_what_is_refused(hooks: Any, path: str) -> None:
    assert problems({"input_guardrails": hooks}) == [path]


def test_a_check_for_the_other_side() -> None:
    assert problems({"output_mutators": [{"addPrefix": {"prefix": "a"}}]}) == ["config.output_mutators[0].addPrefix"]


def test_nothing_is_no_guard() -> None:
    assert guards_of({}) == (None, [])
    assert guards_of({"input_guardrails": []}) == (None, [])
    assert guards_of({"input_guardrails": [CHECK], "passthrough": True}) == (None, [])


def test_saved_guardrails() -> None:
    saved = {"pg-a-1": b'{"checks": [{"id": "contains", "parameters": {"words": [], "operator": "none"}}], "actions": {"deny": true, "async": false}}'}  # fmt: skip
    for written in ("pg-a-1", {"id": "pg-a-1"}):
        plan, wrong = guards_of({"output_guardrails": [written]}, saved=saved)
        assert wrong == []
        assert plan is not None
        [hook] = plan.after
        assert (hook.id, hook.deny, len(hook.checks), plan.names) == ("pg-a-1", True, 1, frozenset({"pg-a-1"}))
    [hook], _ = hooks_of({"input_guardrails": [{"id": "pg-a-1", "deny": False}]}, saved=saved)
    assert not hook.deny


def test_credentials_of_a_guard_are_those_of_its_checks() -> None:
    """A check's own come first."""
    moderation = {"id": "openai.moderation", "parameters": {}}
    assert len(problems({"before_request_hooks": [{"id": "g", "checks": [moderation]}]})) == 1
    guard = {"id": "g", "checks": [moderation], "credentials": {"apiKey": "k"}}
    assert problems({"before_request_hooks": [guard]}) == []
    own = {**guard, "checks": [{**moderation, "parameters": {"credentials": {}}}]}
    assert len(problems({"before_request_hooks": [own]})) == 1


def test_targets_that_inherit_share() -> None:
    hooks = [CHECK]
    first, _ = guards_of({"input_guardrails": hooks})
    assert first is not None
    assert first.size > 0


def test_how_streams_are_judged() -> None:
    def mode(hook: dict[str, Any], **policy: Any) -> StreamMode:
        return hooks_of({"output_guardrails": [hook]}, policy=GuardPolicy(**policy))[1][0].stream

    assert mode(CHECK) is StreamMode.AFTER
    assert mode({**CHECK, "deny": True}) is StreamMode.HOLD
    assert mode({"regexReplace": {"rule": "a"}}) is StreamMode.HOLD
    assert mode({"regexReplace": {"rule": "^a"}}) is StreamMode.BUFFER
    assert mode({**CHECK, "stream": "window"}) is StreamMode.WINDOW
    assert mode({**CHECK, "deny": True}, stream=StreamMode.BUFFER, is_stream_chosen=True) is StreamMode.BUFFER
    words = {"wordCount": {"maxWords": 1}, "deny": True, "stream": "hold"}
    assert problems({"output_guardrails": [words]}) == ["config.output_guardrails[0].stream"]


def test_errors_count_as_the_check_and_the_operator_say() -> None:
    def closed(check: dict[str, Any], *, fails: bool = False) -> bool:
        return hooks_of({"input_guardrails": [check]}, policy=GuardPolicy(fails_on_error=fails))[0][0].checks[0].fails_closed  # fmt: skip

    assert not closed(CHECK)
    assert closed(CHECK, fails=True)
    assert closed({"contains": {**WORDS, "failOnError": True}})
    assert closed({"modelWhitelist": {"models": []}})
    assert not closed({"modelWhitelist": {"models": [], "failOnError": False}})


def test_an_operator_who_lets_no_request_bring_guards() -> None:
    policy = GuardPolicy(allows_inline=False)
    assert problems({"input_guardrails": [CHECK]}, policy=policy) == ["config.input_guardrails"]


REPLACES: dict[str, Any] = {"regexReplace": {"rule": "bad"}}
LOOKS_AHEAD: dict[str, Any] = {"regexReplace": {"rule": "bad(?=ly)"}}
WEBHOOK: dict[str, Any] = {"webhook": {"webhookURL": "http://127.0.0.1/"}}


@pytest.mark.parametrize(
    ("config", "paths"),
    [
        ({"output_guardrails": [{**REPLACES, "stream": "window"}]}, ["config.output_guardrails[0].stream"]),
        ({"output_guardrails": [{**REPLACES, **CHECK, "stream": "after"}]}, ["config.output_guardrails[0].stream"]),
        ({"output_mutators": [{**WEBHOOK, "stream": "window"}]}, ["config.output_mutators[0].stream"]),
        ({"output_mutators": [{**WEBHOOK, "stream": "after"}]}, ["config.output_mutators[0].stream"]),
        ({"output_guardrails": [{**WEBHOOK, "stream": "window"}]}, ["config.output_guardrails[0].stream"]),
        ({"after_request_hooks": [{"id": "g", "stream": "window", "checks": [{"id": "regexReplace", "parameters": {"rule": "x"}}]}]}, ["config.after_request_hooks[0].stream"]),
        ({"input_guardrails": [{**REPLACES, "async": True}]}, ["config.input_guardrails[0].async"]),
        ({"input_mutators": [{"addPrefix": {"prefix": "x"}, "async": True}]}, ["config.input_mutators[0].async"]),
        ({"output_mutators": [{**WEBHOOK, "async": True}]}, ["config.output_mutators[0].async"]),
        ({"output_guardrails": [{**WEBHOOK, "async": True}, {**WEBHOOK, "stream": "after"}]}, []),
        ({"output_mutators": [{**REPLACES, "stream": "hold"}, {**LOOKS_AHEAD, "stream": "buffer"}]}, []),
    ],
)  # fmt: skip
def test_a_change_that_would_be_lost_is_refused(config: dict[str, Any], paths: list[str]) -> None:
    assert problems(config) == paths


@pytest.mark.parametrize("stream", [StreamMode.AFTER, StreamMode.WINDOW])
def test_the_operators_mode_loses_no_change(stream: StreamMode) -> None:
    policy = GuardPolicy(stream=stream, is_stream_chosen=True)

    def mode(**config: Any) -> StreamMode:
        return hooks_of(config, policy=policy)[1][0].stream

    assert mode(output_mutators=[REPLACES]) is StreamMode.HOLD
    assert mode(output_mutators=[LOOKS_AHEAD]) is StreamMode.BUFFER
    assert mode(output_mutators=[WEBHOOK]) is StreamMode.BUFFER
    assert mode(output_guardrails=[CHECK]) is stream


def test_a_change_that_cannot_be_held_back_waits_for_the_whole_answer() -> None:
    assert hooks_of({"output_guardrails": [LOOKS_AHEAD]})[1][0].stream is StreamMode.BUFFER
    assert hooks_of({"output_guardrails": [WEBHOOK]})[1][0].stream is StreamMode.AFTER


@pytest.mark.parametrize(
    ("key", "hook", "problems"),
    [
        ("input_guardrails", {"default.webhook": {"webhookURL": "http://a.test"}, "deny": True}, 0),
        ("input_guardrails", {"default.webhook": {"webhookURL": "http://a.test"}, "mode": "shadow"}, 0),
        ("output_guardrails", {"default.webhook": {"webhookURL": "http://a.test"}}, 1),
        ("input_mutators", {"default.webhook": {"webhookURL": "http://a.test"}}, 1),
        ("input_guardrails", {"penstock.pii": {"redact": True}}, 1),
        ("input_guardrails", {"default.webhook": {"webhookURL": "http://a.test"}, "async": True}, 1),
    ],
)
def test_which_guards_judge_in_parallel(key: str, hook: dict[str, Any], problems: int) -> None:
    plan, found = guards_of({key: [{**hook, "parallel": True}]})
    assert found == [f"config.{key}[0].parallel"] * problems
    assert plan is None or problems or plan.before[0].parallel


REGEX: dict[str, Any] = {"regexMatch": {"rule": "(?:[ab]{90}){90}"}}


@pytest.mark.parametrize(
    ("check", "most"),
    [
        (CHECK, 50),
        ({"webhook": {"webhookURL": "https://w.example"}}, 50),
        ({"validUrls": {}}, 5),
        (REGEX, 4),
        ({"jsonSchema": {"schema": {"pattern": "^a{3}$"}}}, 31),
        ({"jsonSchema": {"schema": {"patternProperties": {f"^a{{{number}}}$": {} for number in range(8)}}}}, 3),
    ],
)
def test_the_guards_of_a_request_have_limits(check: dict[str, Any], most: int) -> None:
    """All together, whichever targets have them: one request must not take any amount of time and memory, nor have any
    number of servers asked. Guards of the operator's count for nothing."""

    def config(number: int) -> dict[str, Any]:
        half = number // 2
        return {"input_guardrails": [check] * (number - half), "output_guardrails": [check] * half}

    assert problems(config(most)) == []
    assert problems(config(most + 1)) != []
    assert problems(config(most + 1), is_saved=True) == []
    assert problems({}, headers={HEADERS[Phase.BEFORE]: [check] * (most + 1)}, is_saved=True) != []


def test_a_saved_guardrail_counts_for_nothing() -> None:
    saved = {"big": json.dumps({"checks": [{"id": "contains", "parameters": WORDS}] * 60}).encode()}
    assert problems({"input_guardrails": ["big"]}, saved=saved) == []


def test_a_saved_guardrail_is_prepared_once() -> None:
    """However often a request names it, and for however many targets; each way to change it counts."""
    saved = {"g": json.dumps({"checks": [{"id": "contains", "parameters": WORDS}]}).encode()}
    same = {"id": "g", "deny": True}
    (first, second, third, fourth), _ = hooks_of({"input_guardrails": ["g", "g", same, dict(same)]}, saved=saved)
    assert first is second
    assert third is fourth
    assert (first.deny, third.deny) == (False, True)
    ways = [{"id": "g", "name": str(number)} for number in range(51)]
    assert problems({"input_guardrails": ways[:50], "output_guardrails": ["g"] * 50}, saved=saved) == []
    assert problems({"input_guardrails": ways}, saved=saved) == ["config.input_guardrails[50]"]
    assert problems({"input_guardrails": ways}, saved=saved, is_saved=True) == []


ASKS_A_SERVER: dict[str, Any] = {"webhook": {"webhookURL": "https://a.example"}}


@pytest.mark.parametrize(
    ("hook", "is_refused"),
    [
        ({**ASKS_A_SERVER, "regexReplace": {"rule": "a"}}, True),
        ({**ASKS_A_SERVER, "penstock.pii": {"entities": ["email"], "redact": True}}, True),
        ({"checks": [{"id": "default.webhook", "parameters": ASKS_A_SERVER["webhook"]},
                     {"id": "default.regexReplace", "parameters": {"rule": "a"}}]}, True),
        ({**ASKS_A_SERVER, "regexReplace": {"rule": "a"}, "sequential": True}, False),
        ({**ASKS_A_SERVER, "regexReplace": {"rule": "a"}, "type": "mutator"}, False),
        ({**ASKS_A_SERVER, "regexReplace": {"rule": "a"}, "mode": "shadow"}, False),
        ({**ASKS_A_SERVER, "penstock.pii": {"entities": ["email"]}}, False),
        ({**ASKS_A_SERVER, "second": {"id": "webhook", "webhookURL": "https://b.example"}}, False),
        ({**ASKS_A_SERVER, "regexReplace": {"rule": "a", "is_enabled": False}}, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("phase", ["input_guardrails", "output_guardrails"])
def test_a_whole_new_body_beside_changes_of_its_texts(phase: str, hook: dict[str, Any], is_refused: bool) -> None:
    key = {"input_guardrails": "before_request_hooks", "output_guardrails": "after_request_hooks"}[phase]
    config = {key if "checks" in hook else phase: [hook]}
    assert bool(problems(config)) is is_refused
    if is_refused:
        assert problems(config) == [f"config.{next(iter(config))}[0].sequential"]


def test_two_hooks_of_a_phase_change_the_body_one_after_the_other() -> None:
    assert problems({"input_guardrails": [ASKS_A_SERVER, {"regexReplace": {"rule": "a"}}]}) == []


def test_what_all_guards_of_a_config_take_is_bounded_whoever_wrote_them() -> None:
    """Patterns take their compiler half a second within the bound, and would take a minute without."""
    saved = {f"g{number}": json.dumps({"default.regexMatch": {"rule": r"\S" * 500 + str(number)}}).encode() for number in range(9)}  # fmt: skip
    hooks_of({"input_guardrails": ["g0"]}, saved=saved)
    with pytest.raises(OverBudget, match="guards take more than 16 MB"):
        guards_of({"input_guardrails": list(saved)}, saved=saved)
