"""Events as a stream of Responses, as they happen: items numbered from 0 without a gap, events numbered likewise.

A text or a thought is open until something else begins. Calls may be written side by side; a call ends when something
else begins and its arguments are whole, at the latest with the response. Clients differ in where they read the answer
(deltas, ended items, the last event), so each says all of it. Source: OpenAI API reference, "Streaming events".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from penstock.core.chat import Owner
from penstock.core.events import (
    Citation,
    Event,
    Extra,
    Fail,
    Foreign,
    Logprobs,
    Media,
    Refusal,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
)
from penstock.core.json_text import write_json
from penstock.core.usage import Usage
from penstock.dialects.call_arguments import is_object
from penstock.dialects.caller import Caption
from penstock.dialects.envelope import Sealer
from penstock.dialects.media_text import media_text
from penstock.dialects.responses.caller.items_out import CallItem, MessageItem, ReasoningItem, Teller
from penstock.dialects.responses.caller.members import (
    Head,
    annotation,
    call_id,
    incomplete_reason,
    item_id,
    search_query,
)

_MOST: Final = 64 << 20
"""Characters of one answer that are kept for its last event."""
_TOO_MUCH: Final = Fail("it says more than the end of the stream can repeat", broken=True)


class ResponseWriter:
    """Writes one stream. ``failed`` is set by the event that ended it before its time. ``response`` is the whole
    response once the stream has ended. ``is_quiet``: only the response is wanted, no events are written.

    Only the first choice is written: the wire has one.
    """

    def __init__(self, caption: Caption, *, is_quiet: bool = False) -> None:
        self.failed: Fail | None = None
        self.response: dict[str, Any] = {}
        self._caption = caption
        self._teller = Teller(is_quiet=is_quiet)
        self._sealer = Sealer(caption.model, Owner.OPENAI)
        self._head: Head | None = None
        self._output: dict[int, dict[str, Any]] = {}
        self._items = 0
        self._current: MessageItem | ReasoningItem | None = None
        self._calls: dict[int, CallItem] = {}
        self._ended: set[int] = set()
        """The calls that have ended, by index."""
        self._length = self._kept = 0
        """Characters of text before the open part, and of all that is kept."""
        self._block = -1
        self._logprobs: list[Any] = []
        self._reports: list[Usage] = []
        self._stop: Stop | None = None

    def write(self, events: Iterable[Event]) -> bytes:
        """The bytes of some events, possibly none yet."""
        teller = self._teller
        for each in events:
            if self.failed is not None:
                break
            current = self._current
            if type(each) is Text and type(current) is MessageItem and current.kind == "output_text":
                if each.choice == 0:
                    self._said(current, each)
                continue
            self._event(each)
        return teller.taken()

    def finish(self) -> bytes:
        """The end of a stream that ended well."""
        self._begin(Start())
        reason = incomplete_reason(self._stop)
        status = "completed" if reason is None else "incomplete"
        self._close_current(status)
        for index in sorted(self._calls):
            self._end_call(index, status)
        output = [self._output[number] for number in sorted(self._output)]
        usage = Usage.folded(self._reports)
        self.response = self._begin(Start()).response(status, output, usage, reason=reason)
        self._teller.tell(f"response.{status}", response=self.response)
        return self._teller.taken()

    # Event by event.

    def _event(self, each: Event) -> None:
        match each:
            case Start():
                self._begin(each)
            case Usage():
                self._reports.append(each)
            case Fail():
                self.failed = each
            case Stop(choice=0):
                self._stop = each
            case Logprobs(content, 0):
                self._logprobs += content
            case Stop() | Extra() | Logprobs():
                pass
            case _ if each.choice == 0:
                self._begin(Start())
                self._content(each)

    def _begin(self, start: Start) -> Head:
        """Begin the response, unless it has begun."""
        if self._head is None:
            self._head = Head.of(self._caption, start)
            response = self._head.response("in_progress", [])
            self._teller.tell("response.created", response=response)
            self._teller.tell("response.in_progress", response=response)
        return self._head

    def _content(self, each: Text | Refusal | Thinking | ToolStart | ToolArgs | Media | Citation | Foreign) -> None:
        match each:
            case Text():
                self._said(self._message("output_text"), each)
            case Refusal(text):
                self._message("refusal").say(self._teller, text)
            case Thinking():
                self._thinking(each)
            case ToolStart():
                self._call(each)
            case ToolArgs():
                self._arguments(each)
            case Media():
                self._media(each)
            case Citation():
                self._citation(each)
            case Foreign():
                self._foreign(each)

    # Items.

    def _next(self) -> int:
        """The number of the next item."""
        self._items += 1
        return self._items - 1

    def _id(self, prefix: str, number: int) -> str:
        return item_id(prefix, self._caption.seed, number)

    def _count(self, length: int) -> None:
        self._kept += length + 16
        if self._kept > _MOST:
            self.failed = _TOO_MUCH

    def _close_current(self, status: str = "completed") -> None:
        """End the text or thought that is open."""
        current, self._current = self._current, None
        if isinstance(current, MessageItem):
            self._output[current.number] = current.end(self._teller, self._taken_logprobs(), status)
        elif current is not None:
            self._output[current.number] = current.end(self._teller, self._sealer)

    def _end_whole_calls(self) -> None:
        whole = [index for index, call in self._calls.items() if call.pieces and is_object(call.arguments)]
        for index in whole:
            self._end_call(index, "completed")

    def _end_call(self, index: int, status: str) -> None:
        call = self._calls.pop(index)
        self._ended.add(index)
        is_cut = status == "incomplete" and not is_object(call.arguments)
        self._output[call.number] = call.end(self._teller, status if is_cut else "completed")

    def _taken_logprobs(self) -> list[Any]:
        taken, self._logprobs = self._logprobs, []
        return taken

    def _message(self, kind: str) -> MessageItem:
        """The message that is open, with a part of this kind."""
        current = self._current
        if not isinstance(current, MessageItem):
            self._close_current()
            self._end_whole_calls()
            number = self._next()
            current = self._current = MessageItem(number, self._id("msg", number))
            current.begin(self._teller)
        if current.kind != kind:
            current.begin_part(self._teller, kind, self._taken_logprobs() if current.kind else [], self._length)
        return current

    def _said(self, message: MessageItem, each: Text) -> None:
        text = each.text
        if each.block != self._block:
            self._block, message.block_start = each.block, self._length
        if text:
            self._length += len(text)
            self._count(len(text))
            message.say(self._teller, text)

    def _thinking(self, each: Thinking) -> None:
        current = self._current
        if not isinstance(current, ReasoningItem) or current.block != each.block:
            self._close_current()
            self._end_whole_calls()
            number = self._next()
            current = self._current = ReasoningItem(
                number, self._id("rs", number), each.block, self._caption.hides_thinking
            )
            current.begin(self._teller)
        self._count(len(each.text) + len(each.signature) + len(each.data))
        current.think(self._teller, each)

    def _call(self, each: ToolStart) -> None:
        self._close_current()
        self._end_whole_calls()
        if each.signature and each.owner != Owner.OPENAI:
            sealed = self._sealer.call(each.owner, each.signature)
            if sealed:
                number = self._next()
                item = {"id": self._id("rs", number), "type": "reasoning", "summary": [], "encrypted_content": sealed}
                self._whole(number, {**item, "encrypted_content": ""}, item)
        number = self._next()
        form = self._caption.echo.forms.get(each.name)
        call = CallItem.of(number, each, form, self._caption.seed, each.id or call_id(self._caption.seed, each.index))
        self._calls[each.index] = call
        call.begin(self._teller)

    def _arguments(self, each: ToolArgs) -> None:
        call = self._calls.get(each.index)
        if call is not None:
            self._count(len(each.json))
            call.add(self._teller, each.json)
        elif each.json.strip():
            self.failed = Fail("it goes on with a call that had ended", broken=True)

    def _media(self, each: Media) -> None:
        if not each.data or not each.mime.startswith("image/"):
            self._said(self._message("output_text"), Text(media_text(each), 0, each.block))
            return
        self._close_current()
        self._end_whole_calls()
        self._count(len(each.data))
        number = self._next()
        item = {"id": self._id("ig", number), "type": "image_generation_call", "status": "completed"}
        started = {**item, "status": "in_progress", "result": None}
        self._whole(number, started, {**item, "result": each.data}, "in_progress", "completed")

    def _citation(self, each: Citation) -> None:
        if not each.url:
            return
        message = self._message("output_text")
        start = message.block_start if each.start is None else each.start
        end = self._length if each.end is None else each.end
        first = message.part_start
        message.cite(self._teller, annotation(each, max(start - first, 0), max(end - first, 0)))

    def _foreign(self, each: Foreign) -> None:
        """A search of the web is told as one; other blocks of other makers have no place here."""
        query = search_query(each)
        if query is None:
            return
        self._close_current()
        self._end_whole_calls()
        number = self._next()
        action = {"type": "search", "query": query, "queries": [query]}
        item = {"id": self._id("ws", number), "type": "web_search_call", "status": "completed", "action": action}
        self._whole(number, {**item, "status": "in_progress"}, item, "in_progress", "searching", "completed")

    def _whole(self, number: int, started: dict[str, Any], item: dict[str, Any], *stages: str) -> None:
        """An item that is whole at once."""
        teller = self._teller
        teller.tell("response.output_item.added", output_index=number, item=started)
        for stage in stages:
            teller.tell(f"response.{item['type']}.{stage}", item_id=item["id"], output_index=number)
        teller.tell("response.output_item.done", output_index=number, item=item)
        self._output[number] = item


def error_event(code: str | None, message: str, param: str | None, error: dict[str, Any]) -> bytes:
    """An error as an event. Some clients read its members, some ``error``. relay/stream.py gives it its number."""
    members = {"type": "error", "code": code, "message": message, "param": param, "error": error, "sequence_number": 0}
    return b"event: error\ndata: " + write_json(members) + b"\n\n"
