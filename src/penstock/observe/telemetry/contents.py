"""Headers and bodies that are kept for spans, until their requests become spans: docs/telemetry.md#content."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from penstock.core.json_text import write_json
from penstock.observe.log_extras import Content
from penstock.observe.record import Record
from penstock.observe.redactor import Redactor
from penstock.observe.telemetry import conventions as named
from penstock.observe.telemetry.messages import input_messages, output_messages, system_instructions
from penstock.observe.telemetry.span import Attributes

_MOST: Final = 64 << 20
"""Bytes of bodies that wait at most: of more, the oldest requests have spans without content."""


class SpanContents:
    """Contents by their records. A record is known by its identity: a queue may have lost it, or hold it for long."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._size = 0
        self._kept: OrderedDict[int, tuple[Record, Content]] = OrderedDict()

    def put(self, record: Record, content: Content) -> None:
        """Keep the content of a request whose trace is sampled."""
        if record.trace_context is None or not record.trace_context.is_sampled:
            return
        self._kept[id(record)] = record, content
        self._size += _size(content)
        while self._size > self._most:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._size -= _size(oldest)

    def take(self, record: Record) -> Content | None:
        """The content of a request, which is then no longer kept."""
        found = self._kept.pop(id(record), None)
        if found is None:
            return None
        self._size -= _size(found[1])
        return found[1]


def _size(content: Content) -> int:
    return len(content.request) + len(content.response)


def content_attributes(content: Content, redactor: Redactor) -> Attributes:
    """The attributes of a content, without secrets. A body that is no text (sound, say) has none.

    Secrets are looked for twice: in a body as it came, and in its messages, which join the pieces of a stream and read
    what JSON escapes.
    """
    asked, answered = redactor.body(content.request), redactor.body(content.response)
    found: dict[str, list[dict[str, Any]]] = {}
    if isinstance(asked, str):
        found |= {named.SYSTEM_INSTRUCTIONS: system_instructions(asked), named.INPUT_MESSAGES: input_messages(asked)}
    if isinstance(answered, str):
        found |= {named.OUTPUT_MESSAGES: output_messages(answered)}
    return {name: redactor.text(write_json(value).decode()) for name, value in found.items() if value}
