"""Requests whose messages are a role and a text each, in wires that write them so: the texts apart from all the rest.

Two requests that differ in their texts alone are translated alike (pipeline/text_slots.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from penstock.core.body import Body
from penstock.core.json_text import UNREADABLE, write_json

_MESSAGES: Final = "messages"


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: str
    content: str


_DECODER: Final = msgspec.json.Decoder(list[_Message])
_VALUES: Final = msgspec.structs.astuple


class Transcript(msgspec.Struct, frozen=True, gc=False):
    """Who said what. ``beside`` is the JSON of all members but the messages."""

    roles: tuple[str, ...]
    texts: tuple[str, ...]
    beside: bytes

    @property
    def form(self) -> tuple[tuple[str, ...], bytes]:
        """All that the request says but the texts."""
        return self.roles, self.beside


def transcript(body: Body) -> Transcript | None:
    """The transcript that a body is, as it was read; None where a message is anything more, and for a changed body.

    None also where a text is empty or blank, which dialects leave out, and where the last one ends with white space,
    which they cut off where the model goes on with it."""
    beside = body.beside(_MESSAGES)
    if beside is None:
        return None
    try:
        messages = _DECODER.decode(body.members[_MESSAGES])
    except UNREADABLE:
        return None
    if not messages:
        return None
    roles, texts = zip(*map(_VALUES, messages), strict=True)
    if "" in texts or any(map(str.isspace, texts)) or texts[-1][-1].isspace():
        return None
    return Transcript(roles, texts, beside)


def with_texts(body: Body, roles: Sequence[str], texts: Sequence[str]) -> Body:
    """The body with other texts of the same roles."""
    messages = [_Message(role, text) for role, text in zip(roles, texts, strict=True)]
    return body.replaced({_MESSAGES: write_json(messages)})
