"""The bytes of the built-in provider's answers: plain and streamed say the same, in OpenAI's schema."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoing import WEATHER, answer, begin, chunks, say
from penstock.transport.echo.script import MODELS
from running import needs_recordings, schema_oracle


@given(st.text())
async def test_the_words_of_a_stream_join_to_the_text(text: str) -> None:
    _, body, _ = await answer(say(text, stream=True))
    said = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks(body))
    assert said == (text or "Hello from Penstock.")


async def test_a_stream_and_a_plain_answer_say_the_same() -> None:
    _, plain, _ = await answer(say("One two, three!"))
    _, stream, _ = await answer(say("One two, three!", stream=True, stream_options={"include_usage": True}))
    whole, parts = json.loads(plain), chunks(stream)
    assert whole["choices"][0]["message"]["content"] == "".join(
        part["choices"][0]["delta"].get("content", "") for part in parts if part["choices"]
    )
    assert parts[-1]["usage"] == whole["usage"]
    assert parts[-1]["choices"] == []
    assert all(part["usage"] is None for part in parts[:-1])
    counts = {name: count for name, count in whole["usage"].items() if isinstance(count, int)}
    assert counts == {"prompt_tokens": 13, "completion_tokens": 6, "total_tokens": 19}


async def test_logprobs_are_told_token_by_token() -> None:
    _, plain, _ = await answer(say("Hello, you", logprobs=True))
    _, stream, _ = await answer(say("Hello, you", logprobs=True, stream=True))
    told = json.loads(plain)["choices"][0]["logprobs"]["content"]
    assert [entry["token"] for entry in told] == ["Hell", "o", ",", " you"]
    parts = [part["choices"][0]["logprobs"] for part in chunks(stream)]
    assert [entry for part in parts if part for entry in part["content"]] == told


@pytest.mark.parametrize("path", ["/models", "/v1/models?limit=5"])
async def test_models(path: str) -> None:
    listed = json.loads(await (await begin(b"", line=f"GET {path}")).read())["data"]
    assert {(model["id"], model["owned_by"]) for model in listed} == {(name, "penstock") for name in MODELS}


async def test_one_model() -> None:
    one = json.loads(await (await begin(b"", line="GET /v1/models/echo")).read())
    assert (one["id"], one["object"], one["owned_by"]) == ("echo", "model", "penstock")


@needs_recordings
async def test_answers_fit_openais_published_schema() -> None:
    oracle = schema_oracle()
    for members in (
        {},
        {"n": 3},
        {"logprobs": True},
        {"tools": [WEATHER], "tool_choice": "required"},
        {"max_tokens": 1},
    ):
        _, plain, _ = await answer(say("Hello there, you", **members))
        assert oracle.errors("response", json.loads(plain), strict=True) == []
        for usage in (False, True):
            asked = say("Hello there", stream=True, stream_options={"include_usage": usage}, **members)
            _, streamed, _ = await answer(asked)
            assert oracle.stream_errors(streamed, expect_usage=usage) == []
    for model in ("echo-429", "echo-unknown", "echo-context-length"):
        _, told, _ = await answer({**say("x"), "model": model})
        assert oracle.errors("error", json.loads(told), strict=True) == []
    listed = await (await begin(b"", line="GET /models")).read()
    assert oracle.errors("models", json.loads(listed), strict=True) == []
