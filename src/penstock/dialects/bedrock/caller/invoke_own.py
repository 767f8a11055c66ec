"""Bodies of InvokeModel that only Bedrock reads: they pass as they are, and so do replies and what frames hold.

What a call took is told by header fields of the reply, by its body where it is known to, or by the last event of a
stream. Source: Amazon Bedrock user guide, "Inference request parameters and response fields for foundation models".
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.body import Body
from penstock.core.http import Headers
from penstock.core.json_text import UNREADABLE, read_json_or_none
from penstock.core.usage import Usage
from penstock.dialects.anthropic.provider.reply import CHUNK
from penstock.dialects.bedrock.caller.dialect import CONVERSE
from penstock.dialects.bedrock.caller.frames import invoke_form
from penstock.dialects.bedrock.caller.invoke import FIELDS, GUARDRAIL, OWN, with_fields
from penstock.dialects.bedrock.relay.frames import ConverseFrames
from penstock.dialects.bedrock.relay.stream import EXCEPTION, GRAMMAR
from penstock.dialects.caller import CallerDialect, FittedRequest, Relay, Replies, Reshape, StreamTransform, Verdict
from penstock.dialects.dialect import WriteContext
from penstock.dialects.framing import sse
from penstock.dialects.framing.aws_eventstream import Message
from penstock.dialects.unframed import on_one_line

_ADDRESSED: Final = ("model", "stream")


def fit_request(body: Body, context: WriteContext) -> FittedRequest:
    """The body as it came: the model and the form of the answer are in the address."""
    for name in _ADDRESSED:
        body = body.without(name)
    return with_fields(FittedRequest(body), context)


_COUNTS: Final = (b"x-amzn-bedrock-input-token-count", b"x-amzn-bedrock-output-token-count")
_DIGITS: Final = 12


def counted(headers: Headers) -> Usage | None:
    """The tokens that header fields of a reply count; None without any."""
    fields = {name: value for name, value in headers if name in _COUNTS}
    asked, completion = (
        int(value) if value.isdigit() and len(value) < _DIGITS else None
        for value in (fields.get(name, b"") for name in _COUNTS)
    )
    return None if asked is None and completion is None else Usage(asked, completion)


_METRICS: Final = "amazon-bedrock-invocationMetrics"
_NAMES: Final = (
    ("inputTokens", "outputTokens"),
    ("inputTokenCount", "outputTokenCount"),
    ("input_tokens", "output_tokens"),
    ("prompt_tokens", "completion_tokens"),
)


def judge(body: bytes, _provider: str, _is_chat: bool) -> Verdict:
    """What a reply is: an answer of any shape, for Bedrock's errors have a status. With its usage."""
    value = read_json_or_none(body)
    return Verdict(usage=_usage_in(value) if isinstance(value, dict) else None)


def _usage_in(value: Mapping[str, Any]) -> Usage | None:
    usage = json_text.mapping(value, "usage") or json_text.mapping(value, _METRICS)
    for names in _NAMES:
        asked, completion = (json_text.integer(usage, name) for name in names)
        if asked is not None or completion is not None:
            return Usage(asked, completion, native=usage)
    tokens = json_text.integer(value, "inputTextTokenCount")
    return None if tokens is None else Usage(tokens)


class ChunkFrames(ConverseFrames):
    """A ``StreamTransform``: what frames hold goes on as events ``chunk``, byte for byte; exceptions as Converse's."""

    def event(self, frame: Message) -> bytes | None:
        try:
            data = base64.b64decode(CHUNK.decode(frame.payload).bytes)
        except (*UNREADABLE, ValueError):
            return None
        return b"event: chunk\ndata: %s\n\n" % on_one_line(data)


def _frames(_context: WriteContext) -> StreamTransform:
    return ChunkFrames()


def _ending(tail: bytes) -> tuple[bool, Usage | None]:
    """The usage that the last event tells. Whether a stream was finished, its frames alone say: each maker's events are
    others."""
    usage: Usage | None = None
    for _, data in sse.events(tail):
        value = read_json_or_none(data)
        if isinstance(value, dict):
            usage = _usage_in(value) or usage
    return True, usage


def _has_content(name: bytes, data: bytes) -> bool:
    """Any event but an exception says something."""
    return bool(data) and not name.endswith(EXCEPTION)


def _never(_data: bytes, _usage: bool = False) -> bytes | None:
    """These replies are never told in the other form."""
    return None


INVOKE_OWN: Final[CallerDialect] = msgspec.structs.replace(
    CONVERSE,
    name=OWN,
    reading=msgspec.structs.replace(CONVERSE.reading, header_settings=FIELDS, only_at_home=GUARDRAIL),
    replies=Replies(
        judge,
        msgspec.structs.replace(GRAMMAR, has_content=_has_content, ending=_ending),
        Reshape(_never, _never, _never, _never),
        counted=counted,
    ),
    relay=Relay(fit_request, stream=_frames),
    delivery=msgspec.structs.replace(CONVERSE.delivery, stream_form=invoke_form),
    texts=None,
)
"""Callers of InvokeModel with a body that is no other wire's."""
