"""What to answer to a chat request: read it leniently, choose the text, the tool calls and the fault to play.

Pure: no clock, no randomness. Faults are named by the model (``echo-429``) or by the request member
``{"echo": {"fault": "429"}}``. A request is of any size, an answer is not: everything that makes it longer has a bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from penstock.core.json_text import read_json, with_plain_names, write_json
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

MOST_TOKENS: Final = 16_384
"""The longest answer, all choices together."""
_MOST_CALLS: Final = 8
_SLOW: Final = 2000
"""Milliseconds before the fault ``slow`` answers, unless the request says otherwise."""

_LONGEST_TOKEN: Final = 5
_LONGEST_TEXT: Final = (MOST_TOKENS + 1) * _LONGEST_TOKEN
"""Characters that are surely more than the longest answer."""
_TOKENS: Final = re.compile(r"\s?(?:\w{1,4}|[^\w\s])|\s{1,4}")
_WORDS: Final = re.compile(r"\s*\S+|\s+\Z")
_NAMES: Final = re.compile(r"[\w-]+")
_PLACE: Final = re.compile(r"at `\$\.(.+)`$")

Name = Annotated[str, Meta(max_length=256)]
Positive = Annotated[int, Meta(ge=1)]
Milliseconds = Annotated[float, Meta(ge=0)]


class Part(msgspec.Struct):
    """One piece of a message's content; only text has ``text``."""

    type: str = "part"
    text: str | None = None


class Message(msgspec.Struct):
    role: str = ""
    content: str | list[Part] | None = None


class Function(msgspec.Struct):
    """A declared function, or the name of one in ``tool_choice``."""

    name: Name
    parameters: Any = None


class Tool(msgspec.Struct):
    function: Function | None = None


class JsonSchema(msgspec.Struct):
    schema: Any = None


class ResponseFormat(msgspec.Struct):
    type: str = "text"
    json_schema: JsonSchema | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class Wishes(msgspec.Struct):
    """The member ``echo`` of a request."""

    pace_ms: Milliseconds | None = None
    first_ms: Milliseconds | None = None
    fault: str | int | None = None


class EchoRequest(msgspec.Struct):
    """A chat request as far as it matters here; every other member is ignored."""

    model: Name = "echo"
    messages: list[Message] = []
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Tool] | None = None
    tool_choice: str | Tool | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    max_tokens: Positive | None = None
    max_completion_tokens: Positive | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    logprobs: bool | None = None
    echo: Wishes | None = None


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


_ASKED: Final = msgspec.json.Decoder(EchoRequest)


def write_script(body: bytes, pace: float) -> Script:
    """Decide what to answer; ``pace`` is the default pause between events. Raises Unreadable."""
    with told_as_unreadable():
        return _script(_asked(body), pace)


@contextmanager
def told_as_unreadable() -> Iterator[None]:
    """Whatever goes wrong in reading a request is told as ``Unreadable``."""
    try:
        yield
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        raise Unreadable(400, f"{error}.", place and place[1], "invalid_value") from None
    except UnicodeEncodeError:  # msgspec's, where it wants to say which text it expected no text for
        text = "The request has a text with half of a surrogate pair where no text belongs."
        raise Unreadable(400, text, None, "invalid_value") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(400, f"The request is not valid JSON: {error}.", None, "invalid_json") from None
    except RecursionError:
        raise Unreadable(400, "The request is nested too deeply.", None, "invalid_json") from None


def _asked(body: bytes) -> EchoRequest:
    """The request, also where only the standard library reads it. Raises what msgspec raises."""
    try:
        return _ASKED.decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        try:
            value = read_json(body)
        except ValueError:
            value = None
        if value is None:
            raise
        return msgspec.convert(with_plain_names(value), EchoRequest)


def tokens(text: str, most: int) -> list[str]:
    """The first tokens of a text, one more than ``most`` when there are more.

    Plausible, not any model's: up to four characters of a word or of white space, or one other character; a single
    space goes with what follows it.
    """
    return _TOKENS.findall(text[: (most + 1) * _LONGEST_TOKEN])[: most + 1]


def _script(asked: EchoRequest, pace: float) -> Script:
    wishes = asked.echo or Wishes()
    fault = _fault(asked.model, wishes.fault)
    reply_text = _said(asked.messages)[:_LONGEST_TEXT]
    choices = asked.n or 1
    calls, finish = _calls(asked, reply_text)
    text, reason = ("", finish) if calls else _answer(asked, reply_text, MOST_TOKENS // choices)
    spoken = text + "".join(call.name + call.arguments for call in calls)
    first = wishes.first_ms if wishes.first_ms is not None else _SLOW if fault == "slow" else 0
    return Script(
        model=asked.model,
        words=tuple(_WORDS.findall(text)),
        calls=calls,
        finish="content_filter" if fault == "content-filter" else reason,
        prompt_tokens=sum(4 + count(_text(message)) for message in asked.messages) + 3,
        completion_tokens=count(spoken) * choices,
        choices=choices,
        stream=asked.stream is True,
        include_usage=asked.stream_options is not None and asked.stream_options.include_usage is True,
        logprobs=asked.logprobs is True,
        fault=fault,
        pace=pace if wishes.pace_ms is None else wishes.pace_ms / 1000,
        first=first / 1000,
    )


def count(text: str) -> int:
    """How many tokens a text has; what goes beyond any answer is estimated, since a prompt may be huge."""
    return len(_TOKENS.findall(text[:_LONGEST_TEXT])) + max(len(text) - _LONGEST_TEXT, 0) // 4


def _fault(model: str, wished: str | int | None) -> str | None:
    by_name = model.removeprefix("echo-") if model.startswith("echo-") else None
    if by_name is not None and by_name not in FAULTS:
        text = f"The model '{model[:60]}' does not exist. There are {', '.join(MODELS)}, and any name without 'echo-'."
        raise Unreadable(404, text, "model", "model_not_found")
    if wished is None:
        return by_name
    fault = str(wished)
    if fault not in FAULTS:
        text = f"There is no fault '{fault[:60]}'. There are: {', '.join(FAULTS)}."
        raise Unreadable(400, text, "echo.fault", "invalid_value")
    return fault


def _text(message: Message) -> str:
    """The text of a message: a string, or its text parts; what is no text is named in brackets."""
    if isinstance(message.content, list):
        return " ".join(_part(part) for part in message.content)
    return message.content or ""


def _part(part: Part) -> str:
    if part.text is not None:
        return part.text
    return f"[{part.type.removesuffix('_url').removeprefix('input_')}]"


def _said(messages: list[Message]) -> str:
    """What is repeated: what a tool has just said, else the last message of the user."""
    if _answers_a_tool(messages):
        return _text(messages[-1])
    return next((_text(message) for message in reversed(messages) if message.role == "user"), "")


def _answers_a_tool(messages: list[Message]) -> bool:
    return bool(messages) and messages[-1].role == "tool"


def _calls(asked: EchoRequest, reply_text: str) -> tuple[tuple[Call, ...], str]:
    """The functions to call, and why the answer ends then."""
    declared = {tool.function.name: tool.function for tool in asked.tools or () if tool.function is not None}
    if not declared or asked.tool_choice == "none" or _answers_a_tool(asked.messages):
        return (), "stop"
    if isinstance(asked.tool_choice, Tool) and asked.tool_choice.function is not None:
        name = asked.tool_choice.function.name
        if name not in declared:
            text = f"The function '{name[:60]}' of tool_choice is not among the tools."
            raise Unreadable(400, text, "tool_choice", "invalid_value")
        return (
            _call(declared[name], reply_text),
        ), "stop"  # not "tool_calls", as OpenAI ends an answer that had no choice
    mentioned = set(_NAMES.findall(reply_text))
    names = [name for name in declared if name in mentioned]
    if not names and asked.tool_choice == "required":
        names = list(declared)[:1]
    most = 1 if asked.parallel_tool_calls is False else _MOST_CALLS
    return tuple(_call(declared[name], reply_text) for name in names[:most]), "tool_calls"


def _call(function: Function, text: str) -> Call:
    return Call(function.name, _json(sample(function.parameters or {"type": "object"}, text or "example")))


def _answer(asked: EchoRequest, reply_text: str, most: int) -> tuple[str, str]:
    """The text as far as the limits of the request allow, and why it ends."""
    text = _until(asked.stop, _formatted(asked.response_format, reply_text) or "Hello from Penstock.")
    most = min(asked.max_completion_tokens or asked.max_tokens or most, most)
    kept = tokens(text, most)
    return (text, "stop") if len(kept) <= most else ("".join(kept[:most]), "length")


def _until(stop: str | list[str] | None, text: str) -> str:
    """The text up to the first place where it would say one of the stop sequences."""
    stops: Iterable[str] = [stop] if isinstance(stop, str) else stop or ()
    return text[: min((text.index(each) for each in stops if each and each in text), default=len(text))]


def _formatted(wanted: ResponseFormat | None, text: str) -> str:
    if wanted is None:
        return text
    if wanted.type == "json_schema" and wanted.json_schema is not None:
        return _json(sample(wanted.json_schema.schema, text or "example"))
    return _json({"echo": text}) if wanted.type == "json_object" else text


def _json(value: Any) -> str:
    return write_json(value).decode()
