"""Requests that real clients send and that a provider would refuse or misread if they went out as they came.

Each test writes a request of OpenAI's wire in a provider's dialect (lane 2), or fits it to a host (lane 1).
"""

import json
from typing import Final

import pytest

from fitting import CLAUDE, CONVERSE, FUNCTION, GEMINI, HI, PNG, lane1, lane2
from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.dialects.dialect import WriteContext
from penstock.dialects.openai.relay.request import fit_request
from penstock.providers.registry import PROVIDERS
from penstock.traits.resolve import resolve

# Ids.

SAME_IDS: Final = [
    {"role": "user", "content": "hi"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "f", "type": "function", "function": {"name": "f", "arguments": '{"x":"1"}'}},
            {"id": "f", "type": "function", "function": {"name": "g", "arguments": '{"x":"2"}'}},
        ],
    },
    {"role": "tool", "tool_call_id": "f", "content": "one"},
    {"role": "tool", "tool_call_id": "f", "content": "two"},
]


def test_calls_under_one_id_get_their_own_results_from_claude() -> None:
    body, _ = lane2(CLAUDE, SAME_IDS, tools=[FUNCTION])
    calls, results = body["messages"][1]["content"], body["messages"][2]["content"]
    assert [call["id"] for call in calls] == ["f", "f-2"]
    assert [(each["tool_use_id"], each["content"]) for each in results] == [("f", "one"), ("f-2", "two")]


def test_calls_under_one_id_get_their_own_results_in_converse() -> None:
    body, _ = lane2(CONVERSE, SAME_IDS, tools=[FUNCTION])
    results = [block["toolResult"] for block in body["messages"][2]["content"]]
    assert [(each["toolUseId"], each["content"]) for each in results] == [
        ("f", [{"text": "one"}]),
        ("f-2", [{"text": "two"}]),
    ]


def test_calls_under_one_id_get_their_own_results_from_gemini() -> None:
    body, _ = lane2(GEMINI, SAME_IDS, tools=[FUNCTION])
    results = [part["functionResponse"] for part in body["contents"][2]["parts"]]
    assert [(each["name"], each["response"]) for each in results] == [
        ("f", {"output": "one"}),
        ("g", {"output": "two"}),
    ]


# Anthropic's blocks in chat completions, as Cursor sends them.

CURSOR: Final = [
    {"role": "user", "content": "read a"},
    {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "Looking"},
            {"type": "tool_use", "id": "toolu_1", "name": "read_file", "input": {"path": "a"}},
        ],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "file body"}]},
            {"type": "text", "text": "go on"},
        ],
    },
]
READ_FILE: Final = {
    "name": "read_file",
    "description": "reads",
    "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}},
}


def test_blocks_of_anthropic_go_to_anthropic() -> None:
    body, payload = lane2(CLAUDE, CURSOR, tools=[READ_FILE], tool_choice={"type": "any"})
    assert body["messages"][1]["content"][1] == CURSOR[1]["content"][1]  # type: ignore[index]
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "file body"},
        {"type": "text", "text": "go on"},
    ]
    assert body["tools"] == [READ_FILE]
    assert body["tool_choice"] == {"type": "any"}
    assert payload.dropped == ()


def test_blocks_of_anthropic_are_calls_and_results_for_gemini() -> None:
    body, payload = lane2(GEMINI, CURSOR, tools=[READ_FILE])
    assert body["contents"][1]["parts"][1]["functionCall"]["name"] == "read_file"
    assert body["contents"][2]["parts"][0]["functionResponse"]["response"] == {"output": "file body"}
    assert body["tools"][0]["functionDeclarations"][0]["name"] == "read_file"
    assert payload.dropped == ()


# Media.


@pytest.mark.parametrize("mime", ["application/octet-stream", "binary/octet-stream", ""])
def test_an_image_of_a_generic_type_is_told_by_its_bytes(mime: str) -> None:
    url = f"data:{mime};base64,{PNG}"
    said = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]
    body, _ = lane2(CLAUDE, said)
    assert body["messages"][0]["content"][0]["source"]["media_type"] == "image/png"
    body, _ = lane2(GEMINI, said)
    assert body["contents"][0]["parts"][0]["inlineData"]["mimeType"] == "image/png"
    body, _ = lane2(CONVERSE, said)
    assert body["messages"][0]["content"][0]["image"]["format"] == "png"


@pytest.mark.parametrize("member", ["file_data", "file_id", "file_url"])
def test_an_address_of_a_file_is_an_address_whatever_the_member(member: str) -> None:
    file = {member: "https://example.com/a.pdf", "filename": "a.pdf"}
    said = [{"role": "user", "content": [{"type": "file", "file": file}, {"type": "text", "text": "sum up"}]}]
    body, _ = lane2(CLAUDE, said)
    assert body["messages"][0]["content"][0]["source"] == {"type": "url", "url": "https://example.com/a.pdf"}
    body, _ = lane2(GEMINI, said)
    assert body["contents"][0]["parts"][0]["fileData"]["fileUri"] == "https://example.com/a.pdf"


def test_parts_of_other_wires() -> None:
    parts = [
        {"type": "audio_url", "audio_url": {"url": "data:audio/wav;base64,AAAA"}},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
    ]
    body, payload = lane2(GEMINI, [{"role": "user", "content": parts}])
    kinds = [part["inlineData"]["mimeType"] for part in body["contents"][0]["parts"]]
    assert kinds == ["audio/wav", "image/png", "application/pdf", "image/png"]
    assert payload.dropped == ("messages[0].content[2].file.filename",)


# Thoughts of LiteLLM's callers.


def test_thinking_blocks_are_read() -> None:
    call = {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    blocks = [{"type": "thinking", "thinking": "hm", "signature": "SIG"}, {"type": "redacted_thinking", "data": "R"}]
    messages = [
        *HI,
        {"role": "assistant", "content": "x", "thinking_blocks": blocks, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "t", "content": "r"},
    ]
    thinking = {"type": "enabled", "budget_tokens": 2000}
    body, payload = lane2(CLAUDE, messages, tools=[FUNCTION], max_tokens=5000, thinking=thinking)
    assert body["messages"][1]["content"][:2] == blocks
    assert body["thinking"] == thinking
    assert payload.dropped == ()


# What single hosts refuse.


def test_a_plain_call_of_a_model_that_thinks_in_streams_only_does_not_think() -> None:
    body, dropped = lane1("dashscope", "qwen3-32b", HI, reasoning_effort="medium")
    assert (body["enable_thinking"], dropped) == (False, ("reasoning_effort",))
    body, dropped = lane1("dashscope", "qwen3-8b", HI)
    assert (body["enable_thinking"], dropped) == (False, ())
    body, dropped = lane1("dashscope", "qwen3-8b", HI, enable_thinking=True, stream=False)
    assert (body["enable_thinking"], dropped) == (False, ("enable_thinking",))
    body, dropped = lane1("dashscope", "qwen3-32b", HI, reasoning_effort="medium", stream=True)
    assert (body["enable_thinking"], dropped) == (True, ())


@pytest.mark.parametrize("provider", ["groq", "cerebras"])
def test_cache_markers_stay_away_from_hosts_that_refuse_them(provider: str) -> None:
    marker = {"type": "ephemeral"}
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "S", "cache_control": marker}]},
        {"role": "user", "content": "hi", "cache_control": marker},
    ]
    tool = {**FUNCTION, "cache_control": marker}
    body, dropped = lane1(provider, "openai/gpt-oss-120b", messages, prompt_cache_key="k", tools=[tool])
    assert "cache" not in json.dumps(body)
    assert set(dropped) == {
        "prompt_cache_key",
        "messages[0].content[0].cache_control",
        "messages[1].cache_control",
        "tools[0].cache_control",
    }


def test_mistral_gets_what_its_reference_lists() -> None:
    messages = [
        *HI,
        {"role": "assistant", "content": "a", "metadata": {"t": 1}, "audio": None, "function_call": None},
        {"role": "user", "content": "hi", "name": "n", "cache_control": {"type": "ephemeral"}},
    ]
    body, dropped = lane1(
        "mistral-ai",
        "mistral-large-latest",
        messages,
        user="u",
        metadata={"a": "b"},
        tools=[],
        logprobs=True,
        verbosity="low",
        prompt_cache_key="k",
        seed=7,
    )
    assert body == {
        "model": "mistral-large-latest",
        "messages": [*HI, {"role": "assistant", "content": "a"}, {"role": "user", "content": "hi"}],
        "metadata": {"a": "b"},
        "prompt_cache_key": "k",
        "random_seed": 7,
    }
    left_out = ("messages[1].metadata", "messages[2].name", "messages[2].cache_control")
    assert dropped == ("user", "logprobs", "verbosity", *left_out)


def test_calls_under_one_id_get_their_own_results_on_lane_1() -> None:
    call = {"id": "f", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    results = [{"role": "tool", "tool_call_id": "f", "content": text} for text in ("one", "two")]
    messages = [*HI, {"role": "assistant", "content": None, "tool_calls": [call, call]}, *results]
    for slug in ("openai", "mistral-ai", "vllm"):
        body, dropped = lane1(slug, "m", messages)
        ids = [call["id"] for call in body["messages"][1]["tool_calls"]]
        assert len(set(ids)) == 2
        assert [message["tool_call_id"] for message in body["messages"][2:]] == ids
        assert dropped == ()


def test_an_effort_beside_functions() -> None:
    body, dropped = lane1("openai", "gpt-5.6-terra", HI, tools=[FUNCTION], reasoning_effort="high")
    assert (body["reasoning_effort"], dropped) == ("none", ("reasoning_effort",))
    body, dropped = lane1("openai", "gpt-5.6-terra", HI, tools=[FUNCTION], temperature=0.5)
    assert (body["reasoning_effort"], body["temperature"], dropped) == ("none", 0.5, ())
    body, dropped = lane1("openai", "gpt-5.5", HI, tools=[FUNCTION], reasoning_effort="low")
    assert ("reasoning_effort" not in body, dropped) == (True, ("reasoning_effort",))
    body, dropped = lane1("openai", "gpt-5.6-terra", HI, reasoning_effort="high")
    assert (body["reasoning_effort"], dropped) == ("high", ())


@pytest.mark.parametrize("model", ["gpt-5-codex", "gpt-5-pro", "o1-pro", "o3-pro", "o4-mini-deep-research"])
def test_models_of_the_responses_api_are_named(model: str) -> None:
    row = PROVIDERS["openai"]
    context = WriteContext(model, "openai", resolve(model, "openai"), quirks=row.quirks)
    failure = fit_request(Body.parse(b'{"model":"m","messages":[]}'), context)
    assert isinstance(failure, Failure)
    assert (failure.param, "Responses" in failure.message) == ("model", True)


@pytest.mark.parametrize("provider", ["deepseek", "z-ai", "zhipu"])
def test_a_schema_is_told_to_hosts_that_know_json_alone(provider: str) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    body, dropped = lane1(provider, "some-model", HI, response_format=wanted)
    assert body["response_format"] == {"type": "json_object"}
    assert json.dumps(schema, separators=(",", ":")) in body["messages"][0]["content"]
    assert (body["messages"][1:], dropped) == (HI, ("response_format.json_schema",))
    body, dropped = lane1(provider, "some-model", HI, response_format={"type": "json_object"})
    assert (body["messages"], dropped) == (HI, ())


def test_perplexity_gets_turns_in_alternation() -> None:
    parts = [{"type": "text", "text": "and this?"}]
    messages = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "Hello!"},
        {"role": "user", "content": "How are you?"},
        {"role": "assistant", "content": "Fine"},
        {"role": "user", "content": parts},
        {"role": "user", "content": "ok"},
    ]
    body, dropped = lane1("perplexity-ai", "sonar", messages)
    assert [message["content"] for message in body["messages"]] == [
        "S",
        "Hello!\n\nHow are you?",
        "Fine",
        [*parts, {"type": "text", "text": "ok"}],
    ]
    assert dropped == ()


def test_default_values_are_no_loss() -> None:
    body, dropped = lane1("openai", "gpt-5", HI, temperature=1, top_p=1.0, presence_penalty=0)
    assert ("temperature" in body, dropped) == (False, ())
    _, dropped = lane1("openai", "gpt-5", HI, temperature=0.2)
    assert dropped == ("temperature",)
    _, payload = lane2(GEMINI, HI, presence_penalty=0, temperature=1)
    assert payload.dropped == ()


# What is told in words.

ROOT: Final = {
    "type": "function",
    "function": {
        "name": "f",
        "description": "Reads.",
        "parameters": {
            "type": "object",
            "properties": {"route": {"type": "string"}},
            "anyOf": [{"required": ["route"]}, {"properties": {"file": {"type": "string"}}, "required": ["file"]}],
        },
    },
}


def test_a_combinator_at_a_schemas_root_is_told_to_claude() -> None:
    body, payload = lane2(CLAUDE, HI, tools=[ROOT])
    tool = body["tools"][0]
    assert tool["input_schema"] == {
        "type": "object",
        "properties": {"route": {"type": "string"}, "file": {"type": "string"}},
    }
    assert tool["description"].startswith("Reads.\n\nThe arguments also match")
    assert payload.dropped == ("tools[0].function.parameters.anyOf",)
    body, _ = lane2(CONVERSE, HI, tools=[ROOT])
    assert "anyOf" not in body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]


@pytest.mark.parametrize("target", [CLAUDE, CONVERSE])
def test_json_is_asked_for_in_words(target: tuple[str, str, str]) -> None:
    body, payload = lane2(target, HI, response_format={"type": "json_object"})
    assert "JSON object" in body["system"][-1]["text"]
    assert payload.dropped == ("response_format",)


def test_googles_own_members_of_extra_body() -> None:
    google = {"thinking_config": {"thinking_budget": 0}, "cached_content": "c", "safety_settings": []}
    for members in ({"extra_body": {"google": google}}, {"google": google}):
        body, payload = lane2(GEMINI, HI, **members)
        assert body["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 0}
        assert body["cachedContent"] == "c"
        assert payload.dropped == ()


# Turns.


def test_a_turn_of_thoughts_alone_is_not_said_in_converse() -> None:
    detail = {"type": "reasoning.encrypted", "data": "UkVE", "format": "anthropic-claude-v1", "index": 0}
    messages = [
        *HI,
        {"role": "assistant", "content": "", "reasoning_details": [detail]},
        {"role": "user", "content": "go"},
    ]
    body, payload = lane2(("bedrock_converse", "global.anthropic.claude-sonnet-5", "bedrock"), messages)
    assert body["messages"] == [{"role": "user", "content": [{"text": "hi"}, {"text": "go"}]}]
    assert payload.dropped == ("messages[1]",)


@pytest.mark.parametrize("model", ["claude-opus-5", "claude-sonnet-4-6"])
def test_an_answer_that_may_not_be_begun_is_followed_by_the_user(model: str) -> None:
    messages = [*HI, {"role": "assistant", "content": "{"}]
    body, payload = lane2(("anthropic", model, "anthropic"), messages)
    assert body["messages"][-1] == {"role": "user", "content": [{"type": "text", "text": "Continue."}]}
    assert payload.dropped == ("messages[1]",)
    body, payload = lane2(CLAUDE, messages)
    assert (body["messages"][-1]["role"], payload.dropped) == ("assistant", ())


def test_a_system_prompt_alone_is_asked_of_gemini() -> None:
    body, _ = lane2(GEMINI, [{"role": "system", "content": "Say hi."}, {"role": "user", "content": ""}])
    assert body["contents"] == [{"role": "user", "parts": [{"text": " "}]}]


def test_a_marker_on_blank_text_moves_to_the_part_before() -> None:
    marker = {"type": "ephemeral"}
    said = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "long"}, {"type": "text", "text": " \n", "cache_control": marker}],
        }
    ]
    body, payload = lane2(CLAUDE, said)
    assert body["messages"][0]["content"] == [{"type": "text", "text": "long", "cache_control": marker}]
    assert payload.dropped == ()
    body, payload = lane2(CONVERSE, said)
    assert body["messages"][0]["content"] == [{"text": "long"}, {"cachePoint": {"type": "default"}}]
    body, _ = lane2(
        GEMINI, [{"role": "user", "content": [{"type": "text", "text": " "}, {"type": "text", "text": "x"}]}]
    )
    assert body["contents"][0]["parts"] == [{"text": " "}, {"text": "x"}]
