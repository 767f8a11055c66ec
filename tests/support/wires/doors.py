"""The doors of the seven wires of chats: where their callers knock, with what, and what an error looks like there; and
a caller who knocks, with a host of another wire behind."""

from __future__ import annotations

import http.client
import json
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from calling import PLAIN
from running import RunningGateway
from upstream import Upstream, reply

HELLO: Final = "Hello"
HOSTS: Final = {
    "openai_chat": ("nvidia", "m", "/v1"),
    "responses": ("openai", "gpt-5-pro", "/v1"),
    "anthropic": ("anthropic", "claude-sonnet-4-5", "/v1"),
    "gemini": ("google", "gemini-3-pro-preview", ""),
    "bedrock_converse": ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", ""),
    "cohere": ("cohere", "command-a-03-2025", ""),
    "ollama": ("ollama", "llama3.1", ""),
}
"""A host, a model and the end of the base URL for each wire."""
OF_HOSTS: Final = {
    "ollama": {"x-portkey-ollama-api": "native"},
    "bedrock_converse": {"x-portkey-aws-auth-type": "apiKey"},
}


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


class Outcome(NamedTuple):
    """What came of a request: the status, what the host got, the header that names what was dropped, the answer."""

    status: int
    sent: tuple[str, bytes] | None
    dropped: str
    answer: bytes


def _connected(url: str) -> http.client.HTTPConnection:
    """A connection to a gateway, for who closes it."""
    return http.client.HTTPConnection("127.0.0.1", int(url.rpartition(":")[2]), timeout=300)


class Door:
    """Sends requests of one wire to a host of another."""

    def __init__(
        self, gateway: RunningGateway, upstream: Upstream, caller: str, target: str, model: str = "", **headers: str
    ) -> None:
        self._connection = _connected(gateway.url)
        self._upstream, self._target = upstream, target
        provider, usual, end = HOSTS[target]
        self._path, base = door(caller, model or usual, stream=False)
        self._base = {name: value for name, value in base.items() if name != "generationConfig"}
        self._headers = {
            "content-type": "application/json",
            "authorization": "Bearer k",
            "x-portkey-provider": provider,
            "x-portkey-custom-host": upstream.url + end,
            **OF_HOSTS.get(target, {}),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        self._known: dict[str, Outcome] = {}

    def close(self) -> None:
        self._connection.close()

    def asked(self, members: dict[str, Any]) -> Outcome:
        """What comes of a request with these members."""
        text = json.dumps(members, sort_keys=True)
        if text not in self._known:
            self._known[text] = self._asked(members)
        return self._known[text]

    def sent(self, **members: Any) -> Any:
        """What the host gets of a request that is answered."""
        outcome = self.asked(members)
        assert outcome.status == 200, outcome.answer
        assert outcome.sent is not None
        return json.loads(outcome.sent[1])

    def told(self, answer: bytes) -> Outcome:
        """What comes of a plain request that the host answers so."""
        return self._asked({}, answer)

    def _asked(self, members: dict[str, Any], answer: bytes = b"") -> Outcome:
        others = {name: value for name, value in members.items() if name not in {"model", "modelId", "stream"}}
        self._upstream.received.clear()
        self._upstream.play(reply(body=answer or PLAIN[self._target]))
        self._connection.request("POST", self._path, json.dumps({**self._base, **others}), self._headers)
        response = self._connection.getresponse()
        told, sent = response.read(), None
        if self._upstream.received:
            sent = (self._upstream.last.target, self._upstream.last.body)
        else:
            self._upstream.forget_script()
        return Outcome(response.status, sent, response.getheader("x-penstock-dropped-params") or "", told)
