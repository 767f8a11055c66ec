"""Custom hosts, as a caller may write them (docs/portkey.md#custom-hosts)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.address import LOOPBACK_NAMES, AddressPolicy
from penstock.core.http import Url
from penstock.routing.custom_host import judge

LAPTOP = AddressPolicy(LOOPBACK_NAMES)


@pytest.mark.parametrize(
    ("text", "authority", "path"),
    [
        ("https://models.example.com/v1", "models.example.com", "/v1"),
        ("https://models.example.com/v1/", "models.example.com", "/v1"),
        ("http://localhost:11434/v1", "localhost:11434", "/v1"),
        ("http://127.0.0.1:9100/_id/x;split=7/v1", "127.0.0.1:9100", "/_id/x;split=7/v1"),
        ("http://[::1]:8000", "[::1]:8000", ""),
        ("https://my_host-1.example.com", "my_host-1.example.com", ""),
    ],
)
def test_accepted(text: str, authority: str, path: str) -> None:
    url = judge(text, LAPTOP)
    assert isinstance(url, Url)
    assert (url.origin.authority, url.path, url.origin.trusted) == (authority, path, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "models.example.com/v1",
        "ftp://models.example.com",
        "file:///etc/passwd",
        "https://user:pass@models.example.com",
        "https://models.example.com@evil.example.com",
        "https://models.example.com/a@b",
        "https://models.example.com\\@evil.example.com",
        "https://models.example.com/#frag",
        "https://models.example.com/ v1",
        "https://models.example.com/\r\nx: y",
        "https://models.example.com.",
        "https://-x.example.com-",
        "https://mödels.example.com",
        "https://a.b.c.d.e.f.g.h.i.j.k",
        "https://models.example.com:0",
        "https://models.example.com:65536",
        "https://169.254.169.254/latest",
        "https://metadata.google.internal",
        "http://10.0.0.1",
        "http://2130706433",
        "http://0x7f000001",
        "http://0x7f.1",
        "http://127.1",
        "http://017700000001",
        "http://127.0.0.01",
        "http://[::ffff:10.0.0.1]",
        "http://0.0.0.0:8000",
        "https://" + "a" * 3000,
    ],
)
def test_refused_with_a_reason(text: str) -> None:
    reason = judge(text, LAPTOP)
    assert isinstance(reason, str)
    assert reason


@given(st.text(max_size=80) | st.text(max_size=40).map("https://{}".format))
def test_every_text_gets_a_verdict(text: str) -> None:
    verdict = judge(text, LAPTOP)
    assert isinstance(verdict, str) or (verdict.origin.scheme in {"http", "https"} and verdict.origin.host)
