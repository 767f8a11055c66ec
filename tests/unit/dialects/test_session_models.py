"""Models that an event of a session names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.dialects.session_models import models_in


@pytest.mark.parametrize(
    ("event", "models"),
    [
        (b'{"type":"session.update","session":{"model":"a","audio":{"input":{"transcription":{"model":"b"}}}}}', ["a", "b"]),
        (b'{"session":{"m\\u006fdel":"a"}}', ["a"]),
        (b'[{"model":"a"},{"model":7}]', ["a"]),
        (b"{}", []),
        (b"{", None),
        (b"\xff", None),
        (b"[" * 40 + b"]" * 40, None),
    ],
)  # fmt: skip
def test_models(event: bytes, models: list[str] | None) -> None:
    found = models_in(event)
    assert (found if found is None else sorted(found)) == models


@pytest.mark.parametrize(
    "event",
    [
        b'{"session":{"model":"bad","model":"ok"}}',
        b'{"session":{"model":"ok","model":"bad"}}',
        b'{"Model":"bad"}',
        b'{"mod\\u0065l":"bad"}',
        b'{"session":[{"MODEL":"bad"}],"model":"ok"}',
    ],
)
def test_every_member_that_a_host_may_take_for_the_model_is_found(event: bytes) -> None:
    assert "bad" in (models_in(event) or [])


@given(st.binary(max_size=60))
def test_any_bytes_may_come(data: bytes) -> None:
    models_in(data)
