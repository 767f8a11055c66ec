import base64

import pytest

from penstock.core.encoded_text import from_base64, from_data_url, is_text, to_base64, type_of_file


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("text/plain", True),
        ("TEXT/Markdown; charset=utf-8", True),
        ("application/json", True),
        ("application/vnd.api+json", True),
        ("image/svg+xml", True),
        ("", True),
        ("application/pdf", False),
        ("image/png", False),
        ("application/octet-stream", False),
    ],
)
def test_media_types(media_type: str, expected: bool) -> None:
    assert is_text(media_type) is expected


@pytest.mark.parametrize("name", ["a.txt", "b.csv", "c.json", "d.html"])
def test_files_of_texts(name: str) -> None:
    assert is_text(type_of_file(name))
    assert not is_text(type_of_file("a.pdf"))
    assert not is_text(type_of_file("unknown"))


@pytest.mark.parametrize("text", ["", "a", "ab", "abc", "für >>> ??? 🙂", "line\n" * 50])
def test_base64_in_every_form(text: str) -> None:
    written = to_base64(text)
    assert base64.b64decode(written).decode() == text
    for form in (written, written.rstrip("="), written.translate(str.maketrans("+/", "-_")), f" {written}\r\n"):
        assert from_base64(form) == text


def test_bytes_that_are_no_utf8() -> None:
    assert from_base64(base64.b64encode(b"a\xffb").decode()) == "a\ufffdb"
    assert from_base64(base64.b64encode("bad".encode("utf-16")).decode()) == "bad"
    assert from_base64(base64.b64encode(b"\xef\xbb\xbfbad").decode()) == "bad"


def test_data_urls() -> None:
    data = to_base64("so bad")
    assert from_data_url(f"data:text/plain;base64,{data}") == ("so bad", "data:text/plain;base64,")
    assert from_data_url(f"DATA:text/csv;charset=utf-8;BASE64,{data}") == (
        "so bad", "data:text/csv;charset=utf-8;base64,",
    )  # fmt: skip
    assert from_data_url("data:,so%20bad") == ("so bad", "data:;base64,")
    for other in (
        f"data:image/png;base64,{data}",
        "https://a.example/x.txt",
        "data:text/plain",
        "data:text/plain;base64,a",
    ):
        assert from_data_url(other) is None
