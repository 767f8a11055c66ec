"""The arguments of calls and the answers of functions as they were written, byte for byte."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from penstock.core.json_slices import slices
from penstock.core.json_text import UNREADABLE


class _WrittenCall(msgspec.Struct):
    args: msgspec.Raw = msgspec.Raw(b"")


class _WrittenResponse(msgspec.Struct):
    response: msgspec.Raw = msgspec.Raw(b"")


class _WrittenPart(msgspec.Struct):
    functionCall: _WrittenCall | None = None  # noqa: N815
    function_call: _WrittenCall | None = None
    functionResponse: _WrittenResponse | None = None  # noqa: N815
    function_response: _WrittenResponse | None = None

    @property
    def written(self) -> bytes:
        call = self.functionCall or self.function_call
        answer = self.functionResponse or self.function_response
        found = bytes(call.args) if call is not None else bytes(answer.response) if answer is not None else b""
        return found if found.startswith(b"{") else b""


class _WrittenContent(msgspec.Struct):
    parts: list[_WrittenPart] = []


_WRITTEN: Final = msgspec.json.Decoder(list[_WrittenContent])
_FUNCTIONS: Final = re.compile(rb'"function_?(?:Call|Response|call|response)"')


def written_values(contents: bytes) -> dict[int, list[bytes]]:
    """The bytes of arguments and answers, by the places of content and part; none where they can't be told."""
    if not contents.startswith(b"[") or _FUNCTIONS.search(contents) is None:
        return {}
    found: dict[int, list[bytes]] = {}
    position = 0
    try:
        for piece in slices(contents):
            for content in _WRITTEN.decode(piece):
                found[position] = [part.written for part in content.parts]
                position += 1
    except (ValueError, *UNREADABLE):
        return {}
    return found
