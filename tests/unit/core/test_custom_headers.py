"""Header fields of an operator's own."""

from __future__ import annotations

import pytest

from penstock.core.custom_headers import block, problem
from penstock.core.secret import Secret


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("x-tenant", "acme", None),
        ("Authorization", "Bearer a", None),
        ("x-tenant", "z" * 9000, "a value 8192"),
        ("x" * 129, "a", "at most 128"),
        ("Transfer-Encoding", "chunked", "belongs to the gateway"),
        ("x-penstock-hops", "1", "belongs to the gateway"),
        ("a b", "1", "invalid header name"),
        ("x", "a\nb", "control character"),
        ("é", "a", "invalid header name"),
    ],
)
def test_what_may_be_added(name: str, value: str, text: str | None) -> None:
    found = problem(name, value)
    assert found is None if text is None else text in (found or "")


def test_the_lines() -> None:
    assert block({"x-a": Secret("1"), "x-b": Secret("ä")}) == "x-a: 1\r\nx-b: ä\r\n".encode()
