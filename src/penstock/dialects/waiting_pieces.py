"""Pieces of an answer that wait until a call of a tool is whole: how much memory they take, and how much they may."""

from __future__ import annotations

from typing import Final

from penstock.core.events import Citation, Foreign, Media, Refusal, Text, Thinking, ToolArgs, ToolStart

MOST_WAITING: Final = 8 << 20
"""Characters that may wait in one stream, with what each piece takes beside its text."""
_PIECE: Final = 64
_OBJECT: Final = 1024

Content = Text | Refusal | Thinking | Media | Citation | Foreign | ToolStart | ToolArgs


def size_of(piece: Content) -> int:
    """How much memory a waiting piece takes, in characters, roughly."""
    match piece:
        case Text(text) | Refusal(text) | ToolArgs(text):
            return len(text) + _PIECE
        case Thinking(text, signature, data):
            return len(text) + len(signature) + len(data) + _PIECE
        case Media(_, data, url):
            return len(data) + len(url) + _PIECE
        case ToolStart():
            return _PIECE
        case _:
            return _OBJECT
