"""A stored response in the other form: a stream as a plain reply, a plain reply as a stream.

The last event of a stream holds the whole response. A stream is made of the items of a response, each text in one
piece; what can't be told faithfully so is not told at all (None). Source: OpenAI API reference, "Streaming events".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from penstock.core import json_text
from penstock.core.finish_reasons import UNKNOWN
from penstock.core.json_text import read_json_or_none, write_json
from penstock.dialects.caller import Reshape
from penstock.dialects.framing import sse

_ENDS: Final = frozenset({"response.completed", "response.incomplete"})
_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "output_text": ("output_text", "text"),
    "refusal": ("refusal", "refusal"),
    "reasoning_text": ("reasoning_text", "text"),
}
"""By a part's type: the name of its events, and the member that holds the text."""
_ARGUMENTS: Final[Mapping[str, tuple[str, str]]] = {
    "function_call": ("function_call_arguments", "arguments"),
    "custom_tool_call": ("custom_tool_call_input", "input"),
    "mcp_call": ("mcp_call_arguments", "arguments"),
}
_Event = tuple[str, dict[str, Any]]


def to_plain(stream: bytes) -> bytes | None:
    """The response of a stream; None for a stream without its end, and for one whose last event leaves out what the
    others tell: some hosts' has no ``output``, and then its items are those that the others end with."""
    for _, data in reversed(list(sse.events(stream))):
        value = read_json_or_none(data)
        kind = json_text.text(value, "type") if isinstance(value, dict) else ""
        if kind in _ENDS and isinstance(value.get("response"), dict):
            return _with_output(value["response"], stream)
    return None


def _with_output(response: dict[str, Any], stream: bytes) -> bytes | None:
    output = response.get("output")
    known = len(output) if isinstance(output, list) else 0
    items = max(stream.count(each) for each in _ITEMS)
    if items <= known and (known or _PIECE not in stream):
        return write_json(response)
    done: dict[int, Any] = {}
    for _, data in sse.events(stream):
        value = read_json_or_none(data) if _ITEMS[1] in data else None
        if isinstance(value, dict) and isinstance(value.get("output_index"), int):
            done[value["output_index"]] = value.get("item")
    if not done or len(done) < items:
        return None
    return write_json({**response, "output": [item for _, item in sorted(done.items())]})


_ITEMS: Final = (b'"response.output_item.added"', b'"response.output_item.done"')
_PIECE: Final = b'.delta"'
"""The end of the names of events that tell a piece of a text."""


def to_stream(reply: bytes, _include_usage: bool) -> bytes | None:
    """A response as a stream; None for one that isn't finished."""
    response = read_json_or_none(reply)
    if not isinstance(response, dict) or not isinstance(response.get("output"), list):
        return None
    status = response.get("status")
    if status is None and response["output"]:
        # The host doesn't say how the answer ended (docs/fidelity.md#answers-without-a-reason).
        status = "incomplete"
        response = {**response, "status": status, "incomplete_details": {"reason": UNKNOWN}}
    if f"response.{status}" not in _ENDS:
        return None
    written = [
        b"event: %s\ndata: %s\n\n" % (kind.encode(), write_json({"type": kind, **members, "sequence_number": number}))
        for number, (kind, members) in enumerate(_events(response, str(status)))
    ]
    return b"".join(written)


def _events(response: Mapping[str, Any], status: str) -> Iterator[_Event]:
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    begun |= {name: None for name in ("completed_at", "incomplete_details") if name in response}
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for number, item in enumerate(json_text.mappings(response["output"])):
        yield from _item(item, number)
    yield f"response.{status}", {"response": response}


def _item(item: Mapping[str, Any], number: int) -> Iterator[_Event]:
    kind = json_text.text(item, "type")
    place = {"item_id": json_text.text(item, "id"), "output_index": number}
    started = dict(item)
    if "status" in item:
        started["status"] = "in_progress"
    started |= {name: [] for name in ("content", "summary") if isinstance(item.get(name), list)}
    arguments = _ARGUMENTS.get(kind)
    if arguments is not None and isinstance(item.get(arguments[1]), str):
        started[arguments[1]] = ""
    yield "response.output_item.added", {"output_index": number, "item": started}
    yield from _summary(item, place)
    yield from _content(item, place)
    if arguments is not None and isinstance(item.get(arguments[1]), str):
        name, member = arguments
        yield f"response.{name}.delta", {**place, "delta": item[member]}
        yield f"response.{name}.done", {**place, "name": item.get("name", ""), member: item[member]}
    yield "response.output_item.done", {"output_index": number, "item": item}


def _summary(item: Mapping[str, Any], place: Mapping[str, Any]) -> Iterator[_Event]:
    for index, part in enumerate(json_text.mappings(item.get("summary"))):
        at, text = {**place, "summary_index": index}, json_text.text(part, "text")
        yield "response.reasoning_summary_part.added", {**at, "part": {**part, "text": ""}}
        yield "response.reasoning_summary_text.delta", {**at, "delta": text}
        yield "response.reasoning_summary_text.done", {**at, "text": text}
        yield "response.reasoning_summary_part.done", {**at, "part": part}


def _content(item: Mapping[str, Any], place: Mapping[str, Any]) -> Iterator[_Event]:
    for index, part in enumerate(json_text.mappings(item.get("content"))):
        known = _TEXTS.get(json_text.text(part, "type"))
        at = {**place, "content_index": index}
        if known is None:
            continue
        name, member = known
        text = json_text.text(part, member)
        sources = json_text.mappings(part.get("annotations"))
        empty = {**part, member: "", **({"annotations": []} if "annotations" in part else {})}
        beside = {"logprobs": part.get("logprobs") or []} if name == "output_text" else {}
        yield "response.content_part.added", {**at, "part": empty}
        yield f"response.{name}.delta", {**at, "delta": text, **({"logprobs": []} if beside else {})}
        for number, source in enumerate(sources):
            event = {"annotation_index": number, "annotation": source}
            yield "response.output_text.annotation.added", {**at, **event}
        yield f"response.{name}.done", {**at, member: text, **beside}
        yield "response.content_part.done", {**at, "part": part}


def _with_usage(reply: bytes, _include_usage: bool) -> bytes:
    """Responses always tell their usage."""
    return reply


RESHAPE: Final = Reshape(to_plain, to_stream, _with_usage, to_plain)
"""Stored responses in the other form."""
