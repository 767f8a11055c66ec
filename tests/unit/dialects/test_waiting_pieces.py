"""How much memory the pieces of an answer take that wait."""

from __future__ import annotations

import pytest

from penstock.core.events import Foreign, Media, Refusal, Text, Thinking, ToolArgs, ToolStart
from penstock.dialects.waiting_pieces import Content, size_of


@pytest.mark.parametrize(
    ("piece", "text"),
    [
        (Text("x" * 1000), 1000),
        (Refusal("x" * 1000), 1000),
        (Thinking("x" * 10, "s" * 20, "d" * 30), 60),
        (ToolArgs("{" * 1000, 0), 1000),
        (ToolStart(0, "name"), 0),
        (Media("image/png", "d" * 1000, "u" * 10), 1010),
    ],
)
def test_every_text_of_a_piece_counts(piece: Content, text: int) -> None:
    assert text < size_of(piece) <= text + 100


def test_an_object_of_a_provider_counts_for_more() -> None:
    assert size_of(Foreign({})) > 500
