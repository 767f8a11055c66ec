"""Calls as the edge makes them, and targets made ready for them, for the stages of the pipeline."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fake_reply import FakeReply
from penstock.core.address import LOOPBACK_NAMES, AddressPolicy
from penstock.core.failure import Failure
from penstock.core.http import Headers, Limits
from penstock.core.operation import Operation
from penstock.core.secret import Secret
from penstock.dialects.bedrock.caller.frames import FrameEncoder
from penstock.dialects.caller import CallerDialect
from penstock.dialects.framing.aws_eventstream import STREAM_TYPE
from penstock.dialects.registry import CALLERS
from penstock.observe.record import Record, RecordQueue, Records
from penstock.pipeline.account import Account
from penstock.pipeline.authorize import Authorizer
from penstock.pipeline.cache import Caching
from penstock.pipeline.call import Call
from penstock.pipeline.compile import Compiler
from penstock.pipeline.models.model_alias import ModelAliases
from penstock.pipeline.prepare import PreparedRequest, prepare
from penstock.pipeline.route import Router
from penstock.pipeline.target_route import TargetBinder, TargetRoute
from penstock.pipeline.upstream import Upstream
from penstock.providers.registry import PROVIDERS
from penstock.routing.health import Health
from penstock.routing.plan import Target
from penstock.stores.memory import MemoryCatalogue, MemoryReplyStore
from penstock.transport.base import Transport

OPENAI = CALLERS["openai_chat"]
ANTHROPIC = CALLERS["anthropic"]
GEMINI = CALLERS["gemini"]
LIMITS = Limits(connect=60, first_byte=60, idle=60, total=0)
CHAT: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
"""A chat request that callers of OpenAI's and Anthropic's wires may send; ``call`` writes it for Gemini's."""
TRACE = b"trace-1"


def _chunk(choices: bytes, more: bytes = b"") -> bytes:
    head = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":['
    return head + choices + b"]" + more + b"}\n\n"


ROLE = _chunk(b'{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}')
FIRST = _chunk(b'{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}')
CHUNK = _chunk(b'{"index":0,"delta":{"content":"Hi"},"finish_reason":null}')
STOP = _chunk(b'{"index":0,"delta":{},"finish_reason":"stop"}')
USAGE = _chunk(b"", b',"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}')
DONE = b"data: [DONE]\n\n"
COMPLETION = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"m",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"Hi","refusal":null},"logprobs":null,'
    b'"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}'
)

STARTED = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message",'
    b'"role":"assistant","model":"m","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
)
BLOCK = (
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"Hi"}}\n\n'
)
STOPPED = (
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
    b'"usage":{"output_tokens":2}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)
MESSAGE = (
    b'{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hi"}],'
    b'"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":2}}'
)

GENERATED = (
    b'{"candidates":[{"content":{"role":"model","parts":[{"text":"Hi"}]},"finishReason":"STOP","index":0}],'
    b'"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":5},"modelVersion":"m"}'
)
RESPONSE = (
    b'{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[{"id":"msg_1",'
    b'"type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hi",'
    b'"annotations":[],"logprobs":[]}]}],"usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5}}'
)
CREATED = (
    b'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_1","object":"response",'
    b'"status":"in_progress","output":[]},"sequence_number":0}\n\n'
)
SAID = (
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"msg_1",'
    b'"output_index":0,"content_index":0,"delta":"Hi","logprobs":[],"sequence_number":1}\n\n'
)
COMPLETED = (
    b'event: response.completed\ndata: {"type":"response.completed","response":' + RESPONSE
    + b',"sequence_number":2}\n\n'
)  # fmt: skip

COHERE_USAGE = (
    b'"usage":{"billed_units":{"input_tokens":3,"output_tokens":2},"tokens":{"input_tokens":3,"output_tokens":2}}'
)
COHERE_REPLY = (
    b'{"id":"c","message":{"role":"assistant","content":[{"type":"text","text":"Hi"}]},"finish_reason":"COMPLETE",'
    + COHERE_USAGE
    + b"}"
)
COHERE_STARTED = (
    b'event: message-start\ndata: {"type":"message-start","id":"c","delta":{"message":{"role":"assistant","content":[],'
    b'"tool_plan":"","tool_calls":[],"citations":[]}}}\n\n'
)
COHERE_SAID = (
    b'event: content-start\ndata: {"type":"content-start","index":0,'
    b'"delta":{"message":{"content":{"type":"text","text":""}}}}\n\n'
    b'event: content-delta\ndata: {"type":"content-delta","index":0,'
    b'"delta":{"message":{"content":{"text":"Hi"}}}}\n\n'
)
COHERE_ENDED = (
    b'event: content-end\ndata: {"type":"content-end","index":0}\n\n'
    b'event: message-end\ndata: {"type":"message-end","delta":{"finish_reason":"COMPLETE",' + COHERE_USAGE + b"}}\n\n"
)

OLLAMA_SAID = b'{"model":"m","created_at":"1970-01-01T00:00:01Z","message":{"role":"assistant","content":"%b"}%b}'
GENERATED_SAID = b'{"model":"m","created_at":"1970-01-01T00:00:01Z","response":"%b"%b}'
OLLAMA_DONE = b',"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":2'


def _lines(said: bytes) -> tuple[bytes, bytes, bytes]:
    """A stream of Ollama's, whose lines are events inside the gateway."""
    pieces = (b"", b',"done":false'), (b"Hi", b',"done":false'), (b"", OLLAMA_DONE)
    first, second, third = [b"data: " + said % piece + b"\n\n" for piece in pieces]
    return first, second, third


STREAMS: dict[str, tuple[bytes, bytes, bytes]] = {
    "openai_chat": (ROLE, CHUNK, STOP + USAGE + DONE),
    "anthropic": (STARTED, BLOCK, STOPPED),
    "gemini": (
        b'data: {"candidates":[{"content":{"role":"model"},"index":0}]}\n\n',
        b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Hi"}]},"index":0}]}\n\n',
        b"data: " + GENERATED.replace(b'{"text":"Hi"}', b'{"text":""}') + b"\n\n",
    ),
    "responses": (CREATED, SAID, COMPLETED),
    "cohere": (COHERE_STARTED, COHERE_SAID, COHERE_ENDED),
    "ollama": _lines(OLLAMA_SAID),
    "ollama_generate": _lines(GENERATED_SAID),
    "bedrock_converse": (
        b'event: messageStart\ndata: {"role":"assistant"}\n\n',
        b'event: contentBlockDelta\ndata: {"delta":{"text":"Hi"},"contentBlockIndex":0}\n\n',
        (
            b'event: contentBlockStop\ndata: {"contentBlockIndex":0}\n\n'
            b'event: messageStop\ndata: {"stopReason":"end_turn"}\n\n'
            b'event: metadata\ndata: {"usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5},'
            b'"metrics":{"latencyMs":7}}\n\n'
        ),
    ),
}
"""By the name of a wire: what says nothing yet, the first content, the rest of the stream."""
CONVERSED = (
    b'{"output":{"message":{"role":"assistant","content":[{"text":"Hi"}]}},"stopReason":"end_turn",'
    b'"usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5},"metrics":{"latencyMs":7}}'
)
PLAIN = {
    "openai_chat": COMPLETION,
    "anthropic": MESSAGE,
    "gemini": GENERATED,
    "responses": RESPONSE,
    "cohere": COHERE_REPLY,
    "ollama": OLLAMA_SAID % (b"Hi", OLLAMA_DONE),
    "ollama_generate": GENERATED_SAID % (b"Hi", OLLAMA_DONE),
    "bedrock_converse": CONVERSED,
}
"""By the name of a wire: a whole reply."""


def headers_of(**values: str) -> Headers:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in values.items()]


def call(
    body: dict[str, Any] | None = None,
    dialect: CallerDialect = OPENAI,
    operation: Operation = Operation.CHAT,
    records: Records | None = None,
    **headers: str,
) -> Call:
    """A call whose body was read, if it has one. Underscores in names of headers stand for hyphens."""
    fields = headers_of(**headers)
    if dialect is GEMINI and body is not None:
        body = {name: value for name, value in body.items() if name != "messages"}
        body["contents"] = [{"role": "user", "parts": [{"text": "Hi"}]}]
    if body is not None and dialect.name == "bedrock_converse" and "messages" in body:
        others = {name: value for name, value in body.items() if name not in {"messages", "max_tokens"}}
        body = {**others, "messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    if body is not None and dialect.name == "responses" and "messages" in body:
        others = {name: value for name, value in body.items() if name not in {"messages", "max_tokens"}}
        body = {**others, "input": body["messages"]}
    if body is not None and dialect.name.startswith("ollama"):
        # This wire streams unless it is told not to.
        body = {"stream": False, **body}
        if dialect.name == "ollama_generate" and "messages" in body:
            body = {**{name: value for name, value in body.items() if name != "messages"}, "prompt": "Hi"}
    data = b"" if body is None else json.dumps(body).encode()
    account = Account(records or Records(), "POST", "/v1/x")
    made = Call(operation, dialect, fields, dict(fields), data, TRACE, account, "/v1/x")
    if body is not None:
        request = dialect.reading.body(data)
        assert not isinstance(request, Failure), request
        made.request = request
    return made


def error_text(body: bytes) -> str:
    """What an error says, whatever wire it is in."""
    value = json.loads(body)
    error = value.get("error", value.get("message"))
    return str(error["message"] if isinstance(error, dict) else error)


def target(provider: str = "nvidia", **members: Any) -> Target:
    options: dict[str, Any] = {"path": "config", "api_key": Secret("k"), "identity": "id", "address": "a"}
    return Target(provider=provider, **{**options, **members})


def route(to: Target | None = None, operation: Operation = Operation.CHAT, limits: Limits = LIMITS) -> TargetRoute:
    bound = TargetBinder(PROVIDERS, limits, {}).bind(to or target(), operation)
    assert isinstance(bound, TargetRoute), bound
    return bound


def prepared(asked: Call, to: TargetRoute) -> PreparedRequest:
    request = prepare(asked, to)
    assert isinstance(request, PreparedRequest), request
    return request


def refused(asked: Call, to: TargetRoute) -> Failure:
    """Why a request can't be sent to a target."""
    failure = prepare(asked, to)
    assert isinstance(failure, Failure), failure
    return failure


def upstream(transport: Transport) -> Upstream:
    """Every address leads to the transport."""
    transports = {"https": transport, "http": transport}
    authorizer = Authorizer(transports)
    return Upstream(transports, authorizer, ModelAliases(transports, authorizer))


async def no_wait(_: float) -> None:
    """Waits between attempts pass at once."""


def router(transport: Transport, catalogues: MemoryCatalogue | None = None) -> Router:
    """Carries out plans over the transport, without waits between attempts."""
    policy, ways = AddressPolicy(LOOPBACK_NAMES), upstream(transport)
    compiler = Compiler(PROVIDERS, policy, LIMITS, {}, catalogues or MemoryCatalogue())
    return Router(compiler, ways, Health(), Caching(MemoryReplyStore(1 << 20, 1 << 20), ways, 1 << 20), sleep=no_wait)


async def turns(count: int = 20) -> None:
    """Let every task run as far as it gets."""
    for _ in range(count):
        await asyncio.sleep(0)


def event_stream(*pieces: bytes, cut: Failure | None = None) -> FakeReply:
    return FakeReply(200, *pieces, headers=[(b"content-type", b"text/event-stream")], cut=cut)


def sent_stream(wire: str, *pieces: bytes, cut: Failure | None = None) -> FakeReply:
    """A stream as a provider of the wire sends it: Bedrock's events in frames, all others' as they are."""
    if wire != "bedrock_converse":
        return event_stream(*pieces, cut=cut)
    encoder = FrameEncoder()
    framed = [encoder.feed(piece) for piece in pieces]
    return FakeReply(200, *framed, headers=[(b"content-type", STREAM_TYPE)], cut=cut)


def message_of(body: bytes) -> str:
    """The message of an error in any caller's wire."""
    value = json.loads(body)
    return str(value.get("error", value)["message"])


def json_reply(body: bytes, status: int = 200) -> FakeReply:
    return FakeReply(status, body, headers=[(b"content-type", b"application/json")])


def only_record(queue: RecordQueue) -> Record:
    """The one record that was published."""
    (record,) = queue.take()
    return record
