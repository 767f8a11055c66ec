"""Header lines, URLs and origins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.http import Origin, Url, header_line, segments_at_any_host


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("a/b", ["a", "b"]),
        ("/a//b/", ["a", "b"]),
        ("a%2Fb\\c", ["a", "b", "c"]),
        ("a%25252Fb", ["a", "b"]),
        ("", []),
    ],
)
def test_segments_as_the_most_generous_host_reads_them(path: str, segments: list[str]) -> None:
    assert segments_at_any_host(path) == segments


@pytest.mark.parametrize(("name", "value"), [("x-a", "b"), (b"X-A", b" b\t"), ("x-a", "ž")])
def test_a_header_line_is_one_line(name: str | bytes, value: str | bytes) -> None:
    assert header_line(name, value).count(b"\r\n") == 1


@pytest.mark.parametrize(
    ("name", "value"), [("", "v"), ("a b", "v"), ("a:", "v"), ("a", "v\r\nx: y"), ("a", "\0"), ("a\n", "v")]
)
def test_a_header_that_could_start_another_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="header"):
        header_line(name, value)


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_no_bytes_make_more_than_one_header(name: bytes, value: bytes) -> None:
    try:
        line = header_line(name, value)
    except ValueError:
        return
    assert line.endswith(b"\r\n")
    assert b"\r" not in line[:-2]
    assert b"\n" not in line[:-2]


@pytest.mark.parametrize(
    ("text", "authority", "path", "query"),
    [
        ("https://api.openai.com/v1/", "api.openai.com", "/v1", ""),
        ("http://127.0.0.1:9100/_id/a;split=7/v1?x=1", "127.0.0.1:9100", "/_id/a;split=7/v1", "x=1"),
        ("https://[::1]:8443", "[::1]:8443", "", ""),
        ("http://HOST:80/A", "host", "/A", ""),
    ],
)
def test_urls_are_taken_apart(text: str, authority: str, path: str, query: str) -> None:
    url = Url.parse(text)
    assert (url.origin.authority, url.path, url.query) == (authority, path, query)


@pytest.mark.parametrize("text", ["", "host/v1", "https://", "http://h:99999/", "http://h:x/", "//h/v1"])
def test_what_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Url.parse(text)


def test_trusted_and_other_origins_are_two_things() -> None:
    assert Origin("http", "h", 80) != Origin("http", "h", 80, trusted=True)
