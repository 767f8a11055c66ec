"""What connections have in common: the time that answers tell."""

from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.server.http.server_state import ServerState, http_date

LAST = 253402300799
"""The last second of the year 9999."""


@given(st.integers(0, LAST))
def test_a_time_is_written_as_http_has_it(seconds: int) -> None:
    assert http_date(seconds).decode() == formatdate(seconds, usegmt=True)


def test_answers_tell_the_time_that_it_is() -> None:
    app: Any = SimpleNamespace()
    state = ServerState(app, 75)
    state.set_time(784111777.9)
    assert state.date == b"date: Sun, 06 Nov 1994 08:49:37 GMT"
