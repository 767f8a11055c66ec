"""Events as Converse's stream, as they happen: one content block open at a time (block_stream.py).

Inside the gateway they are server-sent events of the name of their frame; frames.py frames them. Only calls and images
say that their block begins. The last event tells the usage. Source: Amazon Bedrock API reference, "ConverseStream".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from penstock.core.events import Citation, Foreign, Media, Start
from penstock.core.json_text import write_json
from penstock.core.usage import Usage
from penstock.dialects.bedrock.caller.members import (
    call_id,
    citation,
    image,
    metrics,
    redacted,
    response_fields,
    stop_reason,
)
from penstock.dialects.bedrock.usage import write_usage
from penstock.dialects.block_stream import BlockStream
from penstock.dialects.media_text import media_text


def event(kind: str, **members: Any) -> bytes:
    """One event of the stream."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), write_json(members))


class ConverseWriter(BlockStream):
    """A ``StreamWriter``."""

    def first_event(self, start: Start) -> bytes:  # noqa: ARG002 (neither id nor model is told)
        return event("messageStart", role="assistant")

    def last_events(self) -> bytes:
        reason, sequence = stop_reason(self.stop, self.sequence, has_calls=self.has_calls)
        usage = write_usage(Usage.folded(self.reports))
        return event("messageStop", stopReason=reason, **response_fields(self.caption.echo, sequence)) + event(
            "metadata", usage=usage, metrics=metrics(self.caption)
        )

    def text_start(self) -> bytes:
        return b""

    def around_text(self) -> tuple[bytes, bytes]:
        tail = b'},"contentBlockIndex":%d}\n\n' % self.number
        return b'event: contentBlockDelta\ndata: {"delta":{"text":', tail

    def thought_start(self) -> bytes:
        return b""

    def thought(self, text: str) -> bytes:
        return self._delta(reasoningContent={"text": text})

    def signature(self, value: str) -> bytes:
        return self._delta(reasoningContent={"signature": value})

    def redacted(self, data: str) -> bytes:
        return self._delta(reasoningContent={"redactedContent": redacted(data)}) + self.block_stop()

    def call_start(self, call_id: str, name: str) -> bytes:
        return self._start(toolUse={"toolUseId": call_id, "name": name})

    def call_id(self, index: int) -> str:
        return call_id(self.caption.seed, index)

    def arguments(self, piece: str) -> bytes:
        return self._delta(toolUse={"input": piece}) if piece else b""

    def block_stop(self) -> bytes:
        return event("contentBlockStop", contentBlockIndex=self.number)

    def source(self, citation_event: Citation) -> Mapping[str, Any] | None:
        return citation(citation_event)

    def source_piece(self, source: Mapping[str, Any]) -> bytes:
        return self._delta(citation=source)

    def media(self, media: Media) -> Iterable[bytes]:
        shown = image(media)
        return self.text(media_text(media), media.block) if shown is None else self._image(*shown)

    def own_block(self, foreign: Foreign) -> Mapping[str, Any] | None:
        """A block of Bedrock's own comes from Bedrock alone, whose stream isn't written anew."""

    def whole_block(self, block: Mapping[str, Any]) -> bytes:  # noqa: ARG002
        return b""

    def _image(self, form: str, data: str) -> Iterator[bytes]:
        self.number += 1
        yield self._start(image={"format": form})
        yield self._delta(image={"source": {"bytes": data}})
        yield self.block_stop()

    def _start(self, **start: Any) -> bytes:
        return event("contentBlockStart", start=start, contentBlockIndex=self.number)

    def _delta(self, **delta: Any) -> bytes:
        return event("contentBlockDelta", delta=delta, contentBlockIndex=self.number)
