"""The media type of speech whose host doesn't say it."""

from __future__ import annotations

import json

import pytest

from penstock.core.body import Body
from penstock.dialects.openai.relay.sound_type import sound_type


@pytest.mark.parametrize(
    ("form", "kind"), [(None, b"audio/mpeg"), ("wav", b"audio/wav"), ("opus", b"audio/ogg"), ("mp3_44100", None)]
)
def test_types(form: str | None, kind: bytes | None) -> None:
    body = {} if form is None else {"response_format": json.dumps(form).encode()}
    assert sound_type(Body(dict(body))) == kind
