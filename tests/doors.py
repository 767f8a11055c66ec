"""The doors of the seven wires of chats: where their callers knock, with what, and what an error looks like there."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

HELLO: Final = "Hello"


def door(caller: str, model: str, *, stream: bool) -> tuple[str, dict[str, Any]]:
    """The path and the body of a plain request in a wire."""
    messages = [{"role": "user", "content": HELLO}]
    match caller:
        case "openai_chat":
            more = {"stream_options": {"include_usage": True}} if stream else {}
            return "/v1/chat/completions", {"model": model, "messages": messages, "stream": stream, **more}
        case "responses":
            return "/v1/responses", {"model": model, "input": HELLO, "stream": stream}
        case "anthropic":
            body = {"model": model, "messages": messages, "stream": stream, "max_tokens": 500}
            return "/v1/messages", body
        case "gemini":
            verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
            body = {
                "contents": [{"role": "user", "parts": [{"text": HELLO}]}],
                "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
            }
            return f"/v1beta/models/{quote(model, safe='')}:{verb}", body
        case "bedrock_converse":
            verb = "converse-stream" if stream else "converse"
            body = {"messages": [{"role": "user", "content": [{"text": HELLO}]}]}
            return f"/model/{quote(model, safe='')}/{verb}", body
        case "cohere":
            return "/v2/chat", {"model": model, "messages": messages, "stream": stream}
        case _:
            return "/api/chat", {"model": model, "messages": messages, "stream": stream}


def error_message(caller: str, body: Any) -> str:
    """What an error says, in the shape of a wire and in no other. Raises where the shape is another."""
    match caller:
        case "openai_chat" | "responses":
            error = body["error"]
            assert {"message", "type", "param", "code"} <= error.keys()
            return str(error["message"])
        case "anthropic":
            assert body["type"] == "error"
            assert body["error"]["type"].endswith("_error") or body["error"]["type"] == "not_supported"
            return str(body["error"]["message"])
        case "gemini":
            error = body["error"]
            assert error["status"].isupper()
            assert isinstance(error["code"], int)
            return str(error["message"])
        case "bedrock_converse":
            assert body.keys() == {"message"}
            return str(body["message"])
        case "cohere":
            assert isinstance(body["id"], str)
            return str(body["message"])
        case _:
            assert isinstance(body["error"], str)
            return str(body["error"])
