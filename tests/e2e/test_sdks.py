"""The SDKs that people use, against the built-in provider: what the README promises a newcomer."""

import asyncio
import contextlib
import importlib
import json
from collections.abc import Iterator
from typing import Any

import openai
import portkey_ai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel

from running import RunningGateway

ECHO = {"x-portkey-provider": "echo"}
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello there, žluťoučký 🐴!"}]
TOOLS: list[ChatCompletionToolParam] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture
def client(gateway: RunningGateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        api_key="unused", base_url=gateway.v1, default_headers=ECHO, max_retries=0, timeout=60
    ) as opened:
        yield opened


@contextlib.contextmanager
def portkey_client(gateway: RunningGateway, **options: Any) -> Iterator[Any]:
    """Portkey's SDK, closed on leaving: its ``close`` forgets the client of OpenAI's SDK that it asks through.

    Any, since the SDK's annotations are loose: one return type for a reply and a stream of chunks.
    """
    with portkey_ai.Portkey(api_key="pk", base_url=gateway.v1, **options) as opened, opened.openai_client:
        yield opened


@pytest.fixture
def portkey(gateway: RunningGateway) -> Iterator[Any]:
    with portkey_client(gateway, provider="echo", trace_id="t-1", metadata={"a": "b"}) as opened:
        yield opened


def test_plain(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model="echo", messages=HELLO)
    assert reply.choices[0].message.content == "Hello there, žluťoučký 🐴!"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0
    ChatCompletion.model_validate_json(reply.model_dump_json(), strict=True)


def test_stream(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="echo", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello there, žluťoučký 🐴!"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None


def test_tools(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model="echo", messages=HELLO, tools=TOOLS, tool_choice="required")
    calls = reply.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].type == "function"
    assert calls[0].function.name == "get_weather"
    assert isinstance(json.loads(calls[0].function.arguments)["city"], str)
    with client.chat.completions.stream(model="echo", messages=HELLO, tools=TOOLS, tool_choice="required") as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls


def test_structured_output(client: openai.OpenAI) -> None:
    parsed = client.chat.completions.parse(model="echo", messages=HELLO, response_format=Person)
    assert isinstance(parsed.choices[0].message.parsed, Person)


def test_raw_response(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="echo", messages=HELLO, extra_headers={"x-portkey-trace-id": "trace-42"}
    )
    assert raw.headers["x-portkey-trace-id"] == "trace-42"
    assert raw.headers["x-portkey-provider"] == "echo"
    assert raw.parse().choices


def test_models(gateway: RunningGateway, client: openai.OpenAI) -> None:
    assert "echo" in {model.id for model in client.models.list()}
    with openai.OpenAI(api_key="unused", base_url=gateway.v1) as bare:
        assert [model.id for model in bare.models.list()] == ["echo/echo"]


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("echo-400", openai.BadRequestError),
        ("echo-401", openai.AuthenticationError),
        ("echo-429", openai.RateLimitError),
        ("echo-500", openai.InternalServerError),
        ("echo-reset", openai.InternalServerError),
        ("echo-cut", openai.InternalServerError),
        ("echo-nothing", openai.NotFoundError),
    ],
)
def test_errors_are_the_sdks_own(model: str, error: type[openai.APIStatusError], client: openai.OpenAI) -> None:
    with pytest.raises(error) as caught:
        client.chat.completions.create(model=model, messages=HELLO)
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["message"]


def test_a_cut_stream_is_an_error(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIError):
        list(
            client.chat.completions.create(
                model="echo-cut", messages=[{"role": "user", "content": "word " * 30}], stream=True
            )
        )


async def test_async_side_by_side(gateway: RunningGateway) -> None:
    async with openai.AsyncOpenAI(api_key="unused", base_url=gateway.v1, default_headers=ECHO) as client:

        async def one(number: int) -> str:
            stream = await client.chat.completions.create(
                model="echo", messages=[{"role": "user", "content": f"number {number}"}], stream=True
            )
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

        assert await asyncio.gather(*map(one, range(20))) == [f"number {number}" for number in range(20)]


def test_portkey(portkey: Any) -> None:
    reply = portkey.chat.completions.create(model="echo", messages=HELLO)
    assert reply.choices[0].message.content == "Hello there, žluťoučký 🐴!"
    assert "t-1" in reply.get_headers().values()
    chunks = portkey.chat.completions.create(model="echo", messages=HELLO, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello there, žluťoučký 🐴!"


def test_portkey_config(gateway: RunningGateway) -> None:
    config = {"targets": [{"provider": "echo", "override_params": {"max_tokens": 1}}]}
    with portkey_client(gateway, config=config) as client:
        reply = client.chat.completions.create(model="echo", messages=HELLO)
    assert reply.choices[0].finish_reason == "length"


def test_portkey_headers_in_the_openai_sdk(gateway: RunningGateway) -> None:
    sdk: Any = portkey_ai
    headers = sdk.createHeaders(provider="echo", trace_id="t", metadata={"a": "b"})
    with openai.OpenAI(api_key="sk", base_url=gateway.v1, default_headers=headers) as client:
        assert client.chat.completions.create(model="echo", messages=HELLO).choices


def test_portkeys_client_meets_guards(gateway: RunningGateway) -> None:
    """446 is an error that tells its results, 246 an answer with its results, plain and streamed."""
    guard = {"default.contains": {"words": ["Hello"], "operator": "none"}}
    marks = {"provider": "echo", "input_guardrails": [guard]}
    denies = {"provider": "echo", "input_guardrails": [{**guard, "deny": True}]}
    sdk: Any = importlib.import_module("portkey_ai._vendor.openai")
    with portkey_client(gateway, config=marks) as portkey:
        marked = portkey.chat.completions.create(model="echo", messages=HELLO)
        assert marked.choices[0].message.content
        assert json.loads(marked.model_dump_json())["hook_results"]["before_request_hooks"][0]["verdict"] is False
        chunks = list(portkey.chat.completions.create(model="echo", messages=HELLO, stream=True))
        assert "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
    with portkey_client(gateway, config=denies) as portkey:
        for streams in (False, True):
            with pytest.raises(sdk.APIStatusError) as denied:
                portkey.chat.completions.create(model="echo", messages=HELLO, stream=streams)
            assert denied.value.status_code == 446
            assert denied.value.response.json()["hook_results"]["before_request_hooks"][0]["deny"]
