"""Who asks, if it may be told."""

from __future__ import annotations

import pytest

from claude_requests import sent, write
from matrix import (
    ask,
)


@pytest.mark.parametrize("user", ["jane@example.com", "+44 20 7946 0000", "u" * 257])
def test_who_can_be_recognized_is_not_told(user: str) -> None:
    assert write(ask(user=user))[1].dropped == ("user",)
    body, payload = write(ask(user=user, safety_identifier="u-1"))
    assert (body["metadata"], payload.dropped) == ({"user_id": "u-1"}, ("user",))
    assert write(ask(user="12345678"))[0]["metadata"] == {"user_id": "12345678"}


def test_the_user_by_either_name() -> None:
    assert write(ask(safety_identifier="u-1"))[0] == sent(metadata={"user_id": "u-1"})
    body, payload = write(ask(safety_identifier="u-1", user="u-2"))
    assert body == sent(metadata={"user_id": "u-2"})
    assert payload.dropped == ("safety_identifier",)
