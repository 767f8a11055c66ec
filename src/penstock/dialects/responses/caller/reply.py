"""A whole reply as a response: that of its stream, whose writer makes it. Source: OpenAI API reference, "The response
object"."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.core.events import ChatReply, Choice, CollectedCall, Event, Logprobs, Refusal, ToolArgs, ToolStart
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.dialects.caller import Caption
from penstock.dialects.responses.caller.stream import ResponseWriter


def write_reply(reply: ChatReply, caption: Caption) -> bytes | Failure:
    """The reply as JSON, of its first choice. It must not be a failure. A Failure when it is too long."""
    writer = ResponseWriter(caption, is_quiet=True)
    writer.write([reply.start, *_events(reply.choices.get(0) or Choice(0))])
    if reply.usage is not None:
        writer.write([reply.usage])
    if writer.failed is not None:
        return Failure(
            Kind.INVALID_RESPONSE, f"The provider's answer can't be told: {writer.failed.message}.", sent=True
        )
    writer.finish()
    return write_json(writer.response)


def _events(choice: Choice) -> Iterator[Event]:
    """What a whole choice says, in the order in which it was made."""
    if choice.logprobs:
        yield Logprobs(tuple(choice.logprobs))
    made = 0
    for number, events in choice.blocks.items():
        before = choice.calls_before.get(number, 0)
        for index in range(made, before):
            yield from _call(choice.calls[index], index)
        made = max(made, before)
        yield from events
    if choice.refusal:
        yield Refusal(choice.refusal)
    for index in range(made, len(choice.calls)):
        yield from _call(choice.calls[index], index)
    if choice.stop is not None:
        yield choice.stop


def _call(call: CollectedCall, index: int) -> Iterator[Event]:
    yield ToolStart(index, call.name, call.id, call.signature, call.owner, custom=call.custom)
    yield ToolArgs(call.arguments, index)
