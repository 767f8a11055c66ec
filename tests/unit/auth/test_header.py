"""A key in one header, after its prefix."""

import pytest

from penstock.auth.header import API_KEY, BEARER
from penstock.core.secret import Secret


def test_the_line() -> None:
    assert BEARER.line(Secret("k")) == b"authorization: Bearer k\r\n"
    assert API_KEY.line(Secret("k")) == b"api-key: k\r\n"


@pytest.mark.parametrize("key", ["a\r\nx: y", "a\n", "\x00"])
def test_a_key_makes_no_second_line(key: str) -> None:
    with pytest.raises(ValueError, match=r"^(?!.*x: y)"):
        BEARER.line(Secret(key))
