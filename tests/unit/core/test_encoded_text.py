import base64
import mimetypes

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
        ("application/x-python", True),
    ],
)
def test_media_types(media_type: str, expected: bool) -> None:
    assert is_text(media_type) is expected


@pytest.mark.parametrize("name", ["a.txt", "b.csv", "c.json", "d.html"])
def test_files_of_texts(name: str) -> None:
    assert is_text(type_of_file(name))
    assert not is_text(type_of_file("a.pdf"))
    assert not is_text(type_of_file("unknown"))


def test_what_a_machine_says_of_names_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    mimetypes.init()
    monkeypatch.setitem(mimetypes.types_map, ".ts", "video/mp2t")
    assert type_of_file("main.ts") == "application/octet-stream"
    assert type_of_file("x" * 1_000_000) == "application/octet-stream"


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
    ):
        assert from_data_url(other) is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("c28gYmFkZ", "so bad"),  # a digit too much: Node's Buffer leaves it out
        ("c28gYmFkQ", "so bad"),
        ("c28=IGJhZA==", "so bad"),  # padded pieces, one behind the other
        ("c28*gYm{Fk", "so bad"),
        ("=c28gYmFk", "so bad"),
        ("a", ""),
    ],
)
def test_what_only_some_decoders_read(data: str, expected: str) -> None:
    assert from_base64(data) == expected


def test_many_pieces_take_no_time_of_their_own() -> None:
    assert from_base64("=" * 100_000 + "c28gYmFk" + "=" * 100_000) == "so bad"
    assert from_base64("c28=" + "=" * 1_000_000 + "IGJhZA") == "so bad"


@pytest.mark.parametrize(
    "head",
    [
        "data:text/plain; base64,",
        "data:text/plain;base64 ,",
        " data:text/plain;base64,",
        "da\nta:te\txt/plain;base64,",
        "data:;base64,",
        "data:nonsense;base64,",
        "data:application/octet-stream;base64,",
        "data:application/x-anything;base64,",
    ],
)
def test_data_urls_as_readers_of_urls_take_them(head: str) -> None:
    found = from_data_url(head + to_base64("so bad"))
    assert found is not None
    assert found[0] == "so bad"


def test_data_urls_that_can_be_read_in_two_ways() -> None:
    written = to_base64("so bad")
    assert from_data_url(f"data:text/plain;base64;a=b,{written}") == (
        f"so bad\n{written}",
        "data:text/plain;a=b;base64,",
    )
    escaped = "".join(f"%{ord(each):02x}" for each in written)
    found = from_data_url(f"data:text/plain;base64,{escaped}")
    assert found is not None
    assert "so bad" in found[0].split("\n")
    # Decoders that skip what is no digit read another text than those that read the URL first.
    found = from_data_url(f"data:text/plain;base64,{written[:2]}%{written[2:]}")
    assert found is not None
    assert "so bad" in found[0].split("\n")


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7"])
def test_charsets(charset: str) -> None:
    data = base64.b64encode("so bad".encode(charset)).decode()
    assert from_base64(data, f'text/plain; charset="{charset.replace("-le", "le").replace("-be", "be")}"') == "so bad"
    if charset.startswith("utf-16"):
        assert from_base64(data) == "so bad"


@pytest.mark.parametrize("charset", ["utf-16le", "utf-7", "zip", "idna", "unicode_escape", "no-such"])
def test_a_charset_hides_nothing_from_hosts_that_read_utf_8(charset: str) -> None:
    found = from_base64(to_base64("so bad"), f"text/plain;charset={charset}")
    assert found is not None
    assert "so bad" in found.split("\n")
    marked = from_base64(base64.b64encode(b"\xff\xfeso bad").decode())
    assert marked is not None
    assert "so bad" in marked.split("\n")


def test_data_of_a_type_that_nobody_knows_is_text_if_it_is_utf_8() -> None:
    assert from_base64(to_base64("so bad"), "application/octet-stream") == "so bad"
    assert from_base64(base64.b64encode(b"\x00\xff\xd8\x00").decode(), "application/octet-stream") is None
    assert from_base64(base64.b64encode(b"a\xff").decode(), "application/x-anything") is None
    assert from_base64(to_base64("so bad"), "application/pdf") is None
