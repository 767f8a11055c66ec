"""The request that is measured."""

from __future__ import annotations

import json

from bench import payload


def test_the_chat_request_has_the_size_that_the_figures_are_quoted_for() -> None:
    assert 4100 <= len(payload.chat()) <= 4400
    assert json.loads(payload.chat(stream=True, model="echo"))["stream"] is True
