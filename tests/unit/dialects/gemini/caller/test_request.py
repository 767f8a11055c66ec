"""Gemini's requests become the house's: parameters by OpenAI's names, everything else by its place."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_caller import HI, asked, parameters, refused
from penstock.core.body import Body
from penstock.core.chat import ChatRequest, Message, Reasoning, TextPart
from penstock.core.failure import Failure, Kind
from penstock.core.parameters import Parameters
from penstock.dialects.gemini.caller.request import read_request


def test_the_configuration_by_openais_names() -> None:
    found = parameters(
        temperature=0.5, topP=0.9, top_k=3, maxOutputTokens=7, stop_sequences=["E"], candidateCount=2, seed=1.0,
        presencePenalty=1, frequency_penalty=2, responseLogprobs=True, logprobs=4, responseModalities=["TEXT"],
    )  # fmt: skip
    assert found == {
        "temperature": 0.5, "top_p": 0.9, "top_k": 3, "max_completion_tokens": 7, "stop": ["E"], "n": 2, "seed": 1,
        "presence_penalty": 1, "frequency_penalty": 2, "logprobs": True, "top_logprobs": 4, "modalities": ["text"],
    }  # fmt: skip


def test_what_only_google_has_is_named_by_its_place() -> None:
    request = asked(safetySettings=[{}], generation_config={"speech_config": {}, "topK": 3}, labels={"a": "b"})
    assert Parameters(request).dropped() == (
        "generationConfig.speechConfig",
        "generationConfig.topK",
        "safetySettings",
        "labels",
    )


@pytest.mark.parametrize(
    ("thinking", "expected", "hides"),
    [
        ({}, None, True),
        ({"thinkingBudget": 0}, Reasoning(enabled=False), True),
        ({"thinking_budget": -1, "include_thoughts": True}, Reasoning(enabled=True), False),
        ({"thinkingBudget": 500}, Reasoning("", 500, enabled=True), True),
        ({"thinkingLevel": "HIGH"}, Reasoning("high"), True),
        ({"thinkingLevel": "XHIGH", "includeThoughts": True}, Reasoning("xhigh", enabled=True), False),
        ({"includeThoughts": True}, Reasoning(enabled=True), False),
    ],
)
def test_how_much_to_think(thinking: Any, expected: Reasoning | None, hides: bool) -> None:
    request = asked(generationConfig={"thinkingConfig": thinking})
    assert (request.parameters.get("reasoning"), request.hides_thinking) == (expected, hides)


@pytest.mark.parametrize("system", ["A", {"parts": [{"text": "A"}]}, {"parts": {"text": "A"}}, {"text": "A"}])
def test_the_standing_prompt(system: Any) -> None:
    for name in ("systemInstruction", "system_instruction"):
        first = asked(**{name: system}).messages[0]
        assert first == Message("system", (TextPart("A"),), "", "systemInstruction")


def test_a_configs_parameters_pass_by_openais_names() -> None:
    found = asked(max_tokens=5, reasoning_effort="low", stop="E", user="u")
    assert (found.parameters["max_tokens"], found.parameters["stop"], found.parameters["user"]) == (5, "E", "u")
    assert found.parameters["reasoning"] == Reasoning("low")


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"cachedContent": "cachedContents/1"}, "cachedContent"),
        ({"generationConfig": []}, "generationConfig"),
        ({"generationConfig": {"topP": "much"}}, "generationConfig.topP"),
        ({"generationConfig": {"responseSchema": "x"}}, "generationConfig.responseSchema"),
        ({"systemInstruction": 3}, "systemInstruction"),
        ({"systemInstruction": {"parts": [{"inlineData": {}}]}}, "systemInstruction.parts"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(members: dict[str, Any], param: str) -> None:
    failure = refused(**members)
    assert (failure.kind, failure.param) == (Kind.INVALID_REQUEST, param)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "parts text role thought thoughtSignature functionCall functionResponse name args response id inlineData "
                "data mimeType fileData fileUri functionDeclarations parameters thinkingConfig responseSchema mode type".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
MEMBERS = st.sampled_from(
    "contents tools toolConfig systemInstruction generationConfig safetySettings model stream max_tokens".split()
)


@given(st.dictionaries(MEMBERS, JSON, max_size=4))
def test_any_json_is_read_wholed(members: dict[str, Any]) -> None:
    found = read_request(Body.parse(json.dumps({"contents": [HI], **members}).encode()))
    assert isinstance(found, ChatRequest | Failure)
