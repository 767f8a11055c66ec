"""What to answer to a chat request: read it leniently, choose the text, the tool calls and the fault to play.

Pure: no clock, no randomness. Faults are named by the model (``echo-429``) or by the request member
``{"echo": {"fault": "429"}}``.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from penstock.transport.echo.sample import sample

STATUSES: Final = {
    "400": ("invalid_request_error", "bad_request"),
    "401": ("invalid_request_error", "invalid_api_key"),
    "403": ("permission_error", "forbidden"),
    "404": ("invalid_request_error", "not_found"),
    "408": ("timeout_error", "request_timeout"),
    "429": ("rate_limit_error", "rate_limit_exceeded"),
    "500": ("server_error", "internal_error"),
    "502": ("server_error", "bad_gateway"),
    "503": ("server_error", "overloaded"),
    "529": ("overloaded_error", "overloaded"),
}
"""Faults that are an error status: (type, code) of the error object."""

FAULTS: Final = (
    *STATUSES,
    "stall", "stall-stream", "cut", "reset", "refused", "garbage", "error-event", "late-error", "empty", "no-done",
    "slow", "html", "context-length", "content-filter",
)  # fmt: skip
MODELS: Final = ("echo", *(f"echo-{fault}" for fault in FAULTS))

_PIECES: Final = re.compile(r"\w{1,4}|[^\w\s]")
_WORDS: Final = re.compile(r"\s*\S+|\s+\Z")


class Pace(msgspec.Struct):
    """The member ``echo`` of a request."""

    pace_ms: float | None = None
    first_ms: float | None = None
    fault: str | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class Asked(msgspec.Struct):
    """A chat request as far as it matters here; every other member is ignored."""

    model: str = "echo"
    messages: list[Any] = []
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Any] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    response_format: Any = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    n: int | None = None
    logprobs: bool | None = None
    echo: Pace | None = None


class Call(msgspec.Struct, frozen=True):
    """A tool call to answer with."""

    name: str
    arguments: str


class Script(msgspec.Struct, frozen=True):
    """What is going to be said: words or tool calls, why it ends, what it costs, what goes wrong. Times in seconds."""

    model: str
    words: tuple[str, ...]
    calls: tuple[Call, ...]
    finish: str
    prompt_tokens: int
    completion_tokens: int
    choices: int
    stream: bool
    include_usage: bool
    logprobs: bool
    fault: str | None
    pace: float
    first: float


class Unreadable(Exception):
    """The request can't be answered: status, message, parameter and code of the error to give."""

    def __init__(self, status: int, message: str, param: str | None, code: str) -> None:
        self.status = status
        self.message = message
        self.param = param
        self.code = code


_ASKED: Final = msgspec.json.Decoder(Asked)


def write_script(body: bytes, pace: float) -> Script:
    """Decide what to answer; ``pace`` is the default pause between events. Raises Unreadable."""
    try:
        asked = _ASKED.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable(400, f"The request could not be read: {error}", None, "invalid_request") from None
    timing = asked.echo or Pace()
    fault = _fault(asked.model, timing.fault)
    said = _said(asked.messages)
    calls = _calls(asked, said)
    words, finish = ((), "tool_calls") if calls else _words(asked, said)
    if calls and isinstance(asked.tool_choice, dict):
        finish = "stop"  # as OpenAI answers when the tool was named
    if fault == "content-filter":
        finish = "content_filter"
    spoken = "".join(words) + "".join(call.name + call.arguments for call in calls)
    return Script(
        model=asked.model,
        words=words,
        calls=calls,
        finish=finish,
        prompt_tokens=sum(4 + count_tokens(_text(message)) for message in asked.messages) + 3,
        completion_tokens=count_tokens(spoken),
        choices=min(max(asked.n or 1, 1), 128),
        stream=asked.stream is True,
        include_usage=asked.stream_options is not None and asked.stream_options.include_usage is True,
        logprobs=asked.logprobs is True,
        fault=fault,
        pace=max(pace if timing.pace_ms is None else timing.pace_ms / 1000, 0),
        first=max((2.0 if fault == "slow" else 0.0) if timing.first_ms is None else timing.first_ms / 1000, 0),
    )


def count_tokens(text: str) -> int:
    """A plausible number of tokens: every four characters of a word and every punctuation mark are one."""
    return len(_PIECES.findall(text))


def _fault(model: str, named: str | None) -> str | None:
    if model not in MODELS and model.startswith("echo-"):
        text = f"The model '{model[:60]}' does not exist. There are {', '.join(MODELS)}, and any name without 'echo-'."
        raise Unreadable(404, text, "model", "model_not_found")
    fault = named or (model.removeprefix("echo-") if model in MODELS and model != "echo" else None)
    if fault is not None and fault not in FAULTS:
        raise Unreadable(
            400, f"There is no fault '{fault[:60]}'. There are: {', '.join(FAULTS)}.", "echo.fault", "bad_fault"
        )
    return fault


def _text(message: Any) -> str:
    """The text of a message: a string, or its text parts; what is no text is named in brackets."""
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = []
    for part in content:
        if isinstance(part, dict):
            kind = str(part.get("type", "part"))
            parts.append(
                str(part["text"]) if "text" in part else f"[{kind.removesuffix('_url').removeprefix('input_')}]"
            )
    return " ".join(parts)


def _said(messages: list[Any]) -> str:
    """What is repeated: the last message of a user or a tool."""
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") in {"user", "tool"}:
            return _text(message)
    return ""


def _calls(asked: Asked, said: str) -> tuple[Call, ...]:
    functions = [tool.get("function") for tool in asked.tools or [] if isinstance(tool, dict)]
    declared = {f["name"]: f for f in functions if isinstance(f, dict) and isinstance(f.get("name"), str)}
    if not declared or asked.tool_choice == "none" or _last_role(asked.messages) == "tool":
        return ()
    chosen = asked.tool_choice.get("function", {}) if isinstance(asked.tool_choice, dict) else {}
    if isinstance(chosen, dict) and chosen.get("name") in declared:
        names = [chosen["name"]]
    else:
        names = [name for name in declared if name in said]
        if not names and asked.tool_choice == "required":
            names = list(declared)[:1]
    if asked.parallel_tool_calls is False:
        names = names[:1]
    return tuple(
        Call(name, _json(sample(declared[name].get("parameters") or {"type": "object"}, said or "example")))
        for name in names
    )


def _last_role(messages: list[Any]) -> Any:
    return messages[-1].get("role") if messages and isinstance(messages[-1], dict) else None


def _words(asked: Asked, said: str) -> tuple[tuple[str, ...], str]:
    """The text in words, white space kept, as far as the limits of the request allow; and why it ends."""
    text = _formatted(asked.response_format, said) or "Hello from Penstock."
    stops = [asked.stop] if isinstance(asked.stop, str) else asked.stop or []
    for stop in stops:
        text = text.partition(stop)[0] if stop else text
    words = tuple(_WORDS.findall(text))
    limit = asked.max_completion_tokens or asked.max_tokens
    if limit is None:
        return words, "stop"
    kept: list[str] = []
    used = 0
    for word in words:
        used += count_tokens(word)
        if used > limit:
            return tuple(kept), "length"
        kept.append(word)
    return words, "stop"


def _formatted(response_format: Any, said: str) -> str:
    wanted = response_format if isinstance(response_format, dict) else {}
    schema = wanted.get("json_schema")
    if wanted.get("type") == "json_schema" and isinstance(schema, dict):
        return _json(sample(schema.get("schema"), said or "example"))
    return _json({"echo": said}) if wanted.get("type") == "json_object" else said


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
