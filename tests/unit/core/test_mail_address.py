"""What is an address of mail, and what would end a header field."""

from __future__ import annotations

import pytest

from penstock.core.mail_address import is_mail_address


@pytest.mark.parametrize(
    "text", ["ops@example.com", "a+b@xn--bcher-kva.example", "jürgen@bücher.example", "root@localhost"]
)
def test_addresses(text: str) -> None:
    assert is_mail_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "nobody", "@example.com", "a@", "a@b@c", "a b@c", "a@b, c@d", "A <a@b>",
        "a@b\n", "a@b\r\nBcc: c@d", "a@b\x00", f"{'a' * 250}@b.cd",
    ],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    assert not is_mail_address(text)
