"""The limits of callers, as the settings have them."""

from penstock.app.limits import request_limits
from penstock.settings.model import Server


def test_the_settings_are_the_limits() -> None:
    limits = request_limits(Server(max_body_bytes=10, body_timeout=2, head_timeout=3, max_connections=4))
    assert (limits.body_bytes, limits.body_silence) == (10, 2)
    assert (limits.caller.head, limits.caller.connections) == (3, 4)


def test_a_body_that_could_never_be_held_is_too_large() -> None:
    assert request_limits(Server(max_body_bytes=10, max_buffered_bytes=5)).body_bytes == 5
    assert request_limits(Server(max_body_bytes=10, max_buffered_bytes=0)).body_bytes == 10
