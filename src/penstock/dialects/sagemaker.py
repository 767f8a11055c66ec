"""Amazon SageMaker endpoints whose containers speak OpenAI's chat: vLLM, LMI, TGI, SGLang.

The container gets the body as it is, without a model: the endpoint in the path is the model, and containers refuse its
name. A stream is wrapped in AWS frames, whose payload parts are the container's bytes, cut anywhere: server-sent events
or (LMI) a JSON object a line. Source: Amazon SageMaker API reference, "InvokeEndpointWithResponseStream".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from penstock.core.chat import ChatRequest
from penstock.core.events import Event, Fail
from penstock.core.failure import Failure
from penstock.core.json_text import read_reply_json
from penstock.core.vendor_error import read_vendor_error
from penstock.dialects.dialect import Payload, ProviderDialect, Reader, WriteContext, encoded
from penstock.dialects.foreign import PLAIN, ready_for
from penstock.dialects.framing import aws_eventstream
from penstock.dialects.framing.aws_eventstream import STREAM_TYPE, EventStream, Message
from penstock.dialects.framing.frame import FrameError
from penstock.dialects.framing.ndjson import LineSplitter
from penstock.dialects.openai.provider.reply import OpenAiReader, OpenAiStream, read_reply
from penstock.dialects.openai.provider.request import DOCUMENTED, Host, body

_HOST: Final = Host(limit="max_tokens")
"""TGI knows the limit by its older name only, the others by both."""
_HOST_OF_OTHERS: Final = Host(parameters=DOCUMENTED | {"top_k"}, limit="max_tokens")
"""The same for callers of other wires: their own parameters are none of a container's."""


def write(request: ChatRequest, context: WriteContext) -> Payload | Failure:
    """The request's body. ``amzn_sagemaker_model_name`` names one of several models (adapters) of a container."""
    request, parameters = ready_for(PLAIN, request, context.traits)
    model = context.options.get("amzn_sagemaker_model_name")
    members: dict[str, Any] = {"model": model} if model else {}
    host = _HOST if request.wording is None else _HOST_OF_OTHERS
    members |= body(request, parameters, host)
    if request.stream:
        members |= {"stream": True, "stream_options": {"include_usage": True}}
    return Payload(encoded(members, request), parameters.dropped())


class StreamReader:
    """Reads one stream."""

    def __init__(self, context: WriteContext) -> None:
        self._frames = EventStream()
        self._context = context
        self._inner: Reader | None = None
        """Reads the container's bytes, once they have shown what they are."""
        self._has_ended = False

    def feed(self, data: bytes) -> list[Event]:
        if self._has_ended:
            return []
        try:
            messages = self._frames.feed(data)
        except FrameError as error:
            return self._failed(Fail(f"The provider's stream can't be read: {error}.", broken=True))
        return [event for message in messages for event in self._message(message)]

    def finish(self) -> list[Event]:
        return [] if self._has_ended else (self._inner or OpenAiStream(self._context)).finish()

    def _message(self, message: Message) -> list[Event]:
        if self._has_ended:
            return []
        if message.headers.get(":message-type", "event") != "event":
            return self._failed(_told(message))
        if self._inner is None:
            start = message.payload.lstrip()[:1]
            if not start:
                return []
            self._inner = LineReader(self._context) if start == b"{" else OpenAiStream(self._context)
        events = self._inner.feed(message.payload)
        self._has_ended = bool(events) and isinstance(events[-1], Fail)
        return events

    def _failed(self, fail: Fail) -> list[Event]:
        self._has_ended = True
        return [fail]


class LineReader:
    """Reads chunks that come as a JSON object a line."""

    def __init__(self, context: WriteContext) -> None:
        self._splitter = LineSplitter()
        self._reader = OpenAiReader(functions=context.functions)

    def feed(self, data: bytes) -> list[Event]:
        try:
            return self._read(self._splitter.feed(data))
        except FrameError as error:
            return self._reader.broken(f"The provider's stream can't be read: {error}.")

    def finish(self) -> list[Event]:
        return [*self._read(self._splitter.finish()), *self._reader.finish()]

    def _read(self, lines: Iterable[bytes]) -> list[Event]:
        return [event for line in lines for event in self._reader.chunk(read_reply_json(line), line)]


def _told(message: Message) -> Fail:
    """An exception in a frame: ``ModelStreamError`` and ``InternalStreamFailure``, or the connection's own."""
    kind = message.headers.get(":exception-type") or message.headers.get(":error-code", "")
    value = read_reply_json(message.payload)
    vendor_error = read_vendor_error(value)
    code = value.get("ErrorCode") if isinstance(value, dict) else None
    text = (
        vendor_error.message or message.headers.get(":error-message") or "The endpoint failed to generate the answer."
    )
    return Fail(text, kind, code if isinstance(code, str) else vendor_error.code or "", raw=message.payload)


DIALECT: Final = ProviderDialect(
    "sagemaker", write, StreamReader, read_reply, (STREAM_TYPE,), begins_stream=aws_eventstream.begins
)
