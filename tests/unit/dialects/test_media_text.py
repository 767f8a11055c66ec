"""Images, sounds and files in words."""

from __future__ import annotations

import pytest

from penstock.core.events import Media
from penstock.dialects.media_text import media_text


@pytest.mark.parametrize(
    ("media", "text"),
    [
        (Media("image/png", url="https://a"), "[image: https://a]"),
        (Media("audio/wav", "AAAA"), "[sound of type audio/wav, which this API can't carry]"),
        (Media("application/pdf", url="https://a"), "[file: https://a]"),
        (Media("application/pdf", "x"), "[file of type application/pdf, which this API can't carry]"),
    ],
)
def test_media_in_words(media: Media, text: str) -> None:
    assert media_text(media) == text
