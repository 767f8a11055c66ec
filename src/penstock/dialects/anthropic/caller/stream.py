"""Events as Anthropic's stream, as they happen: one content block open at a time (block_stream.py).

A signature comes last in its block, usage and stop reason last in the message. Source: Claude docs, "Streaming
messages".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from penstock.core.events import Citation, Foreign, Media, Start
from penstock.core.json_text import write_json
from penstock.core.usage import Usage
from penstock.dialects.anthropic.caller.members import (
    call_id,
    citation,
    message_id,
    own_block,
    stop_reason,
)
from penstock.dialects.anthropic.usage import write_usage
from penstock.dialects.block_stream import BlockStream
from penstock.dialects.media_text import media_text

PING: Final = b'event: ping\ndata: {"type": "ping"}\n\n'


def event(kind: str, **members: Any) -> bytes:
    """One event of the stream."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), write_json({"type": kind, **members}))


class MessageWriter(BlockStream):
    """A ``StreamWriter``."""

    def first_event(self, start: Start) -> bytes:
        message: dict[str, Any] = {
            "id": message_id(self.caption.seed),
            "type": "message",
            "role": "assistant",
            "model": start.model or self.caption.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": write_usage(Usage.folded(self.reports)),
        }
        return event("message_start", message=message) + PING

    def last_events(self) -> bytes:
        reason, sequence = stop_reason(self.stop, self.sequence, has_calls=self.has_calls, is_refused=self.is_refused)
        delta = {"stop_reason": reason, "stop_sequence": sequence}
        return event("message_delta", delta=delta, usage=write_usage(Usage.folded(self.reports))) + event(
            "message_stop"
        )

    def text_start(self) -> bytes:
        return self._start({"type": "text", "text": ""})

    def around_text(self) -> tuple[bytes, bytes]:
        head = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
            b'"delta":{"type":"text_delta","text":' % self.number
        )
        return head, b"}}\n\n"

    def thought_start(self) -> bytes:
        return self._start({"type": "thinking", "thinking": "", "signature": ""})

    def thought(self, text: str) -> bytes:
        return self._delta("thinking_delta", thinking=text)

    def signature(self, value: str) -> bytes:
        return self._delta("signature_delta", signature=value)

    def redacted(self, data: str) -> bytes:
        return self._start({"type": "redacted_thinking", "data": data}) + self.block_stop()

    def call_start(self, call_id: str, name: str) -> bytes:
        return self._start({"type": "tool_use", "id": call_id, "name": name, "input": {}})

    def call_id(self, index: int) -> str:
        return call_id(self.caption.seed, index)

    def arguments(self, piece: str) -> bytes:
        return self._delta("input_json_delta", partial_json=piece)

    def block_stop(self) -> bytes:
        return event("content_block_stop", index=self.number)

    def source(self, citation_event: Citation) -> Mapping[str, Any] | None:
        return citation(citation_event, self.sealer)

    def source_piece(self, source: Mapping[str, Any]) -> bytes:
        return self._delta("citations_delta", citation=source)

    def media(self, media: Media) -> Iterable[bytes]:
        return self.text(media_text(media), media.block)

    def own_block(self, foreign: Foreign) -> Mapping[str, Any] | None:
        return own_block(foreign)

    def whole_block(self, block: Mapping[str, Any]) -> bytes:
        made = block.get("input")
        if not isinstance(made, dict) or not made:
            return self._start(block) + self.block_stop()
        pieces = self._delta("input_json_delta", partial_json=write_json(made).decode())
        return self._start({**block, "input": {}}) + pieces + self.block_stop()

    def _start(self, block: Mapping[str, Any]) -> bytes:
        return event("content_block_start", index=self.number, content_block=block)

    def _delta(self, kind: str, **members: Any) -> bytes:
        return event("content_block_delta", index=self.number, delta={"type": kind, **members})
