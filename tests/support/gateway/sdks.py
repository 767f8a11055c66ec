"""The official SDK of each wire of chats asks a gateway: what a program that uses it gets of an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

import anthropic
import botocore.config
import botocore.session
import cohere
import httpx
import ollama
import openai
from google import genai
from google.genai import types

from doors import HELLO
from readings import NO_PLACE

Got = tuple[str, list[str]]
"""The text of an answer and the names of its calls."""
MESSAGES: Final[Any] = [{"role": "user", "content": HELLO}]


def ask(wire: str, url: str, model: str, headers: Mapping[str, str], *, stream: bool) -> Got:
    """What the SDK of a wire reads of an answer."""
    text, names = _ASK[wire](url, model, dict(headers), stream)
    return NO_PLACE.sub("", text), names


def _openai(url: str, headers: dict[str, str]) -> openai.OpenAI:
    return openai.OpenAI(api_key="unused", base_url=f"{url}/v1", default_headers=headers, max_retries=0, timeout=60)


def _chat(url: str, model: str, headers: dict[str, str], stream: bool) -> Got:
    with _openai(url, headers) as client:
        if not stream:
            message = client.chat.completions.create(model=model, messages=MESSAGES).choices[0].message
            names = [call.function.name for call in message.tool_calls or [] if call.type == "function"]
            return (message.content or "") + (message.refusal or ""), names
        text, names = "", []
        for chunk in client.chat.completions.create(model=model, messages=MESSAGES, stream=True):
            for choice in chunk.choices[:1]:
                text += (choice.delta.content or "") + (choice.delta.refusal or "")
                calls = choice.delta.tool_calls or []
                names += [call.function.name for call in calls if call.function and call.function.name]
        return text, names


def _responses(url: str, model: str, headers: dict[str, str], stream: bool) -> Got:
    with _openai(url, headers) as client:
        response: Any
        if stream:
            events: Any
            with client.responses.stream(model=model, input=HELLO) as events:
                ends = ("response.completed", "response.incomplete")
                (response,) = [event.response for event in events if event.type in ends]
        else:
            response = client.responses.create(model=model, input=HELLO)
    said = [part for item in response.output if item.type == "message" for part in item.content]
    text = "".join(part.text if part.type == "output_text" else part.refusal for part in said)
    return text, [item.name for item in response.output if item.type in {"function_call", "custom_tool_call"}]


def _messages(url: str, model: str, headers: dict[str, str], stream: bool) -> Got:
    with anthropic.Anthropic(
        api_key="unused", base_url=url, default_headers=headers, max_retries=0, timeout=60
    ) as client:
        if stream:
            with client.messages.stream(model=model, max_tokens=500, messages=MESSAGES) as events:
                message: Any = events.get_final_message()
        else:
            message = client.messages.create(model=model, max_tokens=500, messages=MESSAGES)
    text = "".join(block.text for block in message.content if block.type == "text")
    return text, [block.name for block in message.content if block.type == "tool_use"]


def _gemini(url: str, model: str, headers: dict[str, str], stream: bool) -> Got:
    options = types.HttpOptions(base_url=url, headers=headers, timeout=60_000)
    with genai.Client(api_key="unused", http_options=options) as client:
        if stream:
            replies = list(client.models.generate_content_stream(model=model, contents=HELLO))
        else:
            replies = [client.models.generate_content(model=model, contents=HELLO)]
    contents = [reply.candidates[0].content for reply in replies if reply.candidates]
    parts = [part for content in contents if content is not None for part in content.parts or []]
    text = "".join(part.text for part in parts if part.text and not part.thought)
    return text, [part.function_call.name or "" for part in parts if part.function_call]


_SESSION: Final = botocore.session.get_session()


@contextmanager
def bedrock(url: str, headers: dict[str, str]) -> Iterator[Any]:
    """AWS's client."""
    client: Any = _SESSION.create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="unused",
        aws_secret_access_key="unused",
        config=botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=60, proxies={}),
    )
    client.meta.events.register("before-send", lambda request, **_: request.headers.update(headers))
    try:
        yield client
    finally:
        client.close()


def _converse(url: str, model: str, headers: dict[str, str], stream: bool) -> Got:
    messages = [{"role": "user", "content": [{"text": HELLO}]}]
    text, names = "", []
    with bedrock(url, headers) as client:
        if not stream:
            for block in client.converse(modelId=model, messages=messages)["output"]["message"]["content"]:
                text += block.get("text", "") + _cited(block)
                names += [block["toolUse"]["name"]] if "toolUse" in block else []
            return text, names
        for event in client.converse_stream(modelId=model, messages=messages)["stream"]:
            text += event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
            use = event.get("contentBlockStart", {}).get("start", {}).get("toolUse")
            names += [use["name"]] if use else []
    return text, names


def _cited(block: Any) -> str:
    return "".join(each["text"] for each in block.get("citationsContent", {}).get("content", []))


def _cohere(url: str, model: str, headers: dict[str, str], stream: bool) -> Got:
    more: Any = {"additional_headers": headers, "max_retries": 0}
    text, names = "", []
    with httpx.Client(timeout=300) as http:
        client = cohere.ClientV2(api_key="unused", base_url=url, httpx_client=http)
        if not stream:
            message = client.chat(model=model, messages=MESSAGES, request_options=more).message
            parts: list[Any] = list(message.content or [])
            text = (message.tool_plan or "") + "".join(part.text for part in parts if part.type == "text")
            return text, [call.function.name for call in message.tool_calls or [] if call.function]  # type: ignore[misc]
        told: Any
        for told in client.chat_stream(model=model, messages=MESSAGES, request_options=more):
            if told.type == "content-delta":
                text += told.delta.message.content.text or ""
            elif told.type == "tool-plan-delta":
                text += told.delta.message.tool_plan
            elif told.type == "tool-call-start":
                names.append(told.delta.message.tool_calls.function.name)
    return text, names


def _ollama(url: str, model: str, headers: dict[str, str], stream: bool) -> Got:
    client: Any = ollama.Client(host=url, headers=headers, timeout=300)
    holding: AbstractContextManager[Any] = getattr(client, "_client", None) or nullcontext()
    with holding:
        asked = client.chat(model=model, messages=MESSAGES, stream=stream)
        replies = list(asked) if stream else [asked]
    text = "".join(reply.message.content or "" for reply in replies)
    return text, [call.function.name for reply in replies for call in reply.message.tool_calls or []]


_ASK: Final = {
    "openai_chat": _chat, "responses": _responses, "anthropic": _messages, "gemini": _gemini,
    "bedrock_converse": _converse, "cohere": _cohere, "ollama": _ollama,
}  # fmt: skip
