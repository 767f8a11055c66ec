"""Responses that the gateway keeps: how a request goes on from one, and what of one can be read.

A response is kept as its caller got it, with the items of its input. Items keep their bytes. Source: OpenAI API
reference, "Get a model response", "List input items"; docs/responses.md#kept-by-the-gateway.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import UNREADABLE, mappings, read_json_or_none, write_json
from penstock.core.kept_id import response_of
from penstock.core.whole_number import whole_number

_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_REFERENCE: Final = re.compile(rb'"item_reference"')
_END: Final = re.compile(rb"\nevent: response\.(?:completed|incomplete)\ndata: ")
_MARK_BYTES: Final = 64
"""More bytes than the mark of a stream's last event has."""
_PREFIXES: Final[Mapping[str, str]] = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "reasoning": "rs",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
}
_INPUT: Final = "f"
"""What stands before the number of an input item in its id, which no output item has there."""
_DEFAULT_PAGE: Final = 20
_LARGEST_PAGE: Final = 100


def references(body: Body) -> list[str]:
    """The ids of the items of kept responses that a request's input refers to."""
    if not body.holds("input", _REFERENCE):
        return []
    ids = [item.get("id") for item in mappings(body.value("input")) if item.get("type") == "item_reference"]
    return [id_ for id_ in ids if isinstance(id_, str) and response_of(id_) is not None]


def history(input_: bytes, response: bytes) -> list[bytes]:
    """The conversation up to the end of a response: the items of its input, then its output's, without the ids by
    which only the gateway knows them."""
    return [*_elements(input_), *[_without_id(item) for item in _elements(_output(response))]]


def continued(body: Body, before: Sequence[bytes], found: Mapping[str, bytes]) -> Body | Failure:
    """The request with the conversation ``before`` it in its input, and the items that were ``found`` in the place of
    references to them."""
    try:
        items = [] if body.is_null("input") else _elements(body.raw("input") or b"")
    except ValueError:
        text = "The gateway could not read the request: input must be a string or an array of items."
        return Failure(Kind.INVALID_REQUEST, text, "input")
    if found:
        items = [found.get(_reference(item) or "", item) for item in items]
    whole = b"[" + b",".join([*before, *items]) + b"]"
    return body.without("previous_response_id").replaced({"input": whole})


def items_of(ids: Collection[str], input_: bytes, response_id: str, response: bytes) -> dict[str, bytes]:
    """The items of a kept response that have one of these ids, by their id."""
    found: dict[str, bytes] = {}
    for item in _elements(_output(response)):
        id_ = _id(item)
        if id_ in ids and id_ is not None:
            found.setdefault(id_, _without_id(item))
    if len(found) < len(ids):
        for listed in _listed(input_, response_id):
            id_ = listed["id"]
            if id_ in ids and id_ not in found:
                found[id_] = write_json({name: value for name, value in listed.items() if name != "id"})
    return found


def input_page(input_: bytes, response_id: str, query: str) -> bytes | Failure:
    """A part of the items of a response's input, as JSON. ``query`` may hold ``limit``, ``order`` and ``after``."""
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    limit = whole_number(asked.get("limit", str(_DEFAULT_PAGE)))
    order, after = asked.get("order", "desc"), asked.get("after")
    if limit is None or not 1 <= limit <= _LARGEST_PAGE:
        return Failure(Kind.INVALID_REQUEST, f"limit must be a whole number from 1 to {_LARGEST_PAGE}.", "limit")
    if order not in {"asc", "desc"}:
        return Failure(Kind.INVALID_REQUEST, "order must be asc or desc.", "order")
    items = _listed(input_, response_id)
    if order == "desc":
        items.reverse()
    if after is not None:
        places = [place for place, item in enumerate(items) if item["id"] == after]
        if not places:
            return Failure(Kind.INVALID_REQUEST, f"after names no item of this response: '{after[:64]}'.", "after")
        items = items[places[0] + 1 :]
    page = items[:limit]
    ends = {"first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None}
    return write_json({"object": "list", "data": page, **ends, "has_more": len(items) > len(page)})


def deleted(response_id: str) -> bytes:
    """The answer to a deletion."""
    return write_json({"id": response_id, "object": "response", "deleted": True})


def is_response(body: bytes) -> str | None:
    """The id of the response that a plain reply is; None for any other reply, and for one that failed."""
    try:
        reply = Body.parse(body)
    except BodyError:
        return None
    return reply.text("id") if reply.text("status") in {"completed", "incomplete"} else None


class LastEvent:
    """Finds the response in the last event of a stream that ended well, while the stream passes. ``response`` is its
    JSON once it was there."""

    def __init__(self) -> None:
        self.response: bytes | None = None
        self._before = b"\n"
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Look at the next bytes."""
        if self.response is not None:
            return
        if not self._parts:
            joined = self._before + data
            found = _END.search(joined)
            if found is None:
                self._before = joined[-_MARK_BYTES:]
                return
            data = joined[found.end() :]
        self._parts.append(data)
        if b"\n" in data:
            line = b"".join(self._parts).partition(b"\n")[0]
            event = read_json_or_none(line)
            response = event.get("response") if isinstance(event, dict) else None
            self.response = write_json(response) if isinstance(response, dict) else b""


def _output(response: bytes) -> bytes:
    try:
        return Body.parse(response).raw("output") or b"[]"
    except BodyError:
        return b"[]"


def _elements(raw: bytes) -> list[bytes]:
    """The items of an input: a text is one message. Raises ValueError for what is neither text nor array."""
    try:
        return [bytes(item) for item in _ARRAY.decode(raw)]
    except UNREADABLE:
        value = read_json_or_none(raw)
    if isinstance(value, str):
        return [write_json({"type": "message", "role": "user", "content": value})]
    if isinstance(value, list):
        return [write_json(item) for item in value]
    raise ValueError("an input is a text or an array")


def _reference(item: bytes) -> str | None:
    """The id that an item refers to."""
    if _REFERENCE.search(item) is None:
        return None
    value = read_json_or_none(item)
    is_reference = isinstance(value, dict) and value.get("type") == "item_reference"
    return _id(item) if is_reference else None


def _id(item: bytes) -> str | None:
    value = read_json_or_none(item)
    id_ = value.get("id") if isinstance(value, dict) else None
    return id_ if isinstance(id_, str) else None


def _without_id(item: bytes) -> bytes:
    try:
        members = _MEMBERS.decode(item)
    except UNREADABLE:
        value = read_json_or_none(item)
        return write_json({k: v for k, v in value.items() if k != "id"}) if isinstance(value, dict) else item
    members.pop("id", None)
    return Body(dict(members)).encode()


def _listed(input_: bytes, response_id: str) -> list[dict[str, Any]]:
    """The items of an input as they are listed: each has an id and a type, and a message has parts."""
    return [_shown(read_json_or_none(item), n, response_id) for n, item in enumerate(_elements(input_))]


def _shown(value: Any, number: int, response_id: str) -> dict[str, Any]:
    item = value if isinstance(value, dict) else {}
    kind = item.get("type")
    kind = kind if isinstance(kind, str) else "message"
    shown = {**item, "type": kind}
    if not isinstance(shown.get("id"), str):
        seed = response_id.partition("_")[2]
        shown["id"] = f"{_PREFIXES.get(kind, 'item')}_{seed}{_INPUT}{number:04x}"
    if kind == "message":
        text = item.get("content")
        if isinstance(text, str):
            part = "output_text" if item.get("role") == "assistant" else "input_text"
            extra: dict[str, Any] = {"annotations": []} if part == "output_text" else {}
            shown["content"] = [{"type": part, "text": text, **extra}]
        shown.setdefault("status", "completed")
    return shown
