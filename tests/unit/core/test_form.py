"""Forms: found in one pass, changed field by field, never understood in two ways."""

from __future__ import annotations

import contextlib
import json
import time
from email.parser import BytesParser
from email.policy import HTTP
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.body import Body
from penstock.core.form import FormError, FormScan, boundary_of, read_form

BOUNDARY = b"XyZ-0123456789"
Part = tuple[str, str | None, bytes]


def form(*parts: Part, boundary: bytes = BOUNDARY) -> bytes:
    """A form as clients write it: (name, filename or None, content)."""
    pieces = []
    for name, filename, content in parts:
        file = "" if filename is None else f'; filename="{filename}"'
        kind = "" if filename is None else "\r\nContent-Type: application/octet-stream"
        head = f'Content-Disposition: form-data; name="{name}"{file}{kind}\r\n\r\n'
        pieces.append(b"--%b\r\n%b%b\r\n" % (boundary, head.encode(), content))
    return b"".join(pieces) + b"--%b--\r\n" % boundary


def parsed(data: bytes) -> list[Part]:
    """What another reader makes of a form."""
    message = BytesParser(policy=HTTP).parsebytes(
        b'content-type: multipart/form-data; boundary="%b"\r\n\r\n' % BOUNDARY + data
    )
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_filename(),
            cast("bytes", part.get_payload(decode=True)),
        )
        for part in message.iter_parts()
    ]


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20)
FILES = st.binary(max_size=60).filter(lambda content: BOUNDARY not in content)


@given(st.lists(st.tuples(st.sampled_from(["model", "prompt", "image[]", "n"]), TEXTS)), st.lists(FILES, max_size=3))
def test_a_form_is_read_as_it_was_written(fields: list[tuple[str, str]], files: list[bytes]) -> None:
    parts: list[Part] = [(name, None, text.encode()) for name, text in fields]
    data = form(*parts, *(("file", "a.bin", content) for content in files))
    read = read_form(data, BOUNDARY)
    assert [(part.name, data[part.content : part.end]) for part in read.parts] == [
        (name, content) for name, _, content in (*parts, *(("file", "", content) for content in files))
    ]
    for name in read.fields:
        texts = [text for each, text in fields if each == name]
        assert read.fields.value(name) == (texts[0] if len(texts) == 1 else texts)
    assert read.with_fields(read.fields) is data


def test_only_what_changes_is_written_anew() -> None:
    sound = bytes(range(256)) * 40
    data = form(
        ("model", None, b"a"), ("file", "a.mp3", sound), ("keep", None, b"1"), ("x[]", None, b"1"), ("x[]", None, b"2")
    )
    read = read_form(data, BOUNDARY)
    body = read.fields.replaced({"model": b'"other"', "temperature": b"0.5", "x[]": b'["3"]'}).without("keep")
    changed = read.with_fields(body)
    assert [(name, content) for name, _, content in parsed(changed)] == [
        ("model", b"other"), ("file", sound), ("x[]", b"3"), ("temperature", b"0.5"),
    ]  # fmt: skip
    assert read_form(changed, BOUNDARY).fields.value("model") == "other"


def test_an_equal_value_in_another_spelling_changes_nothing() -> None:
    data = form(("model", None, "ü".encode()))
    assert read_form(data, BOUNDARY).with_fields(Body({"model": json.dumps("ü").encode()})) is data


def test_a_value_can_not_add_parts() -> None:
    read = read_form(form(("model", None, b"a")), BOUNDARY)
    evil = json.dumps(f"a\r\n--{BOUNDARY.decode()}\r\n").encode()
    with pytest.raises(FormError, match="boundary"):
        read.with_fields(Body({"model": evil}))
    named = read.with_fields(read.fields.replaced({'x"\r\ny': b'"1"'}))
    assert len(read_form(named, BOUNDARY).parts) == 2


GOOD = form(("model", None, b"a"), ("file", "f", b"x"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"preamble\r\n" + GOOD,
        GOOD[:-4],
        GOOD + b"--more",
        GOOD.replace(b"\r\n", b"\n"),
        GOOD.replace(b'name="model"', b"model"),
        GOOD.replace(b'name="model"', b'name="model"; name="other"'),
        GOOD.replace(b'name="model"', b"name=\"model\"; name*=utf-8''other"),
        GOOD.replace(b'name="model"', b'name="model"; filename="x"'),
        GOOD.replace(b'name="model"', b'name="mo\\"del'),
        GOOD.replace(b"Content-Disposition", b"Content-Disposition: form-data; name=\"x\"\r\nContent-Disposition", 1),
        GOOD.replace(b"Content-Disposition", b" folded", 1),
        GOOD.replace(b"form-data", b"attachment", 1),
        GOOD.replace(b"\r\n\r\na", b"\r\nContent-Transfer-Encoding: base64\r\n\r\na"),
        form(*[("x", None, b"")] * 1025),
        form(("x" * 9000, None, b"")),
    ],
)  # fmt: skip
def test_what_is_no_form_or_two_forms(data: bytes) -> None:
    with pytest.raises(FormError):
        read_form(data, BOUNDARY)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_wholed(data: bytes) -> None:
    for each in (data, GOOD[:60] + data, GOOD[: len(data)] + data + GOOD[len(data) :]):
        with contextlib.suppress(FormError):
            assert read_form(each, BOUNDARY).data is each


def test_a_file_of_megabytes_is_no_text() -> None:
    read = read_form(form(("prompt", None, b"x" * (2 << 20)), ("model", None, b"a")), BOUNDARY)
    assert [part.is_text for part in read.parts] == [False, True]
    assert list(read.fields) == ["model"]


def test_two_clients_forms_are_told_apart_without_their_boundaries() -> None:
    parts: tuple[Part, ...] = (("model", None, b"a"), ("file", "f", b"x"))
    one, two = (read_form(form(*parts, boundary=each), each) for each in (b"aaaa", b"bbbbb"))
    assert [bytes(each) for each in one.contents()] == [bytes(each) for each in two.contents()]


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        (b"multipart/form-data; boundary=abc", b"abc"),
        (b'multipart/form-data; boundary="a b"; charset=utf-8', b"a b"),
        (b"multipart/form-data; Boundary=----WebKitFormBoundary7", b"----WebKitFormBoundary7"),
    ],
)
def test_boundaries(header: bytes, boundary: bytes) -> None:
    assert boundary_of(header) == boundary
    assert boundary_of(read_form(form(boundary=boundary), boundary).content_type) == boundary


@pytest.mark.parametrize(
    "header", [b"multipart/form-data", b"x; boundary=", b"x; boundary=a; boundary=b", b"x; boundary=" + b"a" * 71]
)
def test_no_boundary(header: bytes) -> None:
    with pytest.raises(FormError, match="boundary"):
        boundary_of(header)


@pytest.mark.parametrize(
    "content_type",
    [
        b"multipart/form-data; boundary*=utf-8''b; boundary=a",
        b"multipart/form-data; boundary=a; boundary*0=b; boundary*1=c",
        b"multipart/form-data; boundary =b; boundary=a",
        b"multipart/form-data; BOUNDARY=b; boundary=a",
        b"multipart/form-data; boundary=a; charset=utf-7",
        b'multipart/form-data; charset="UTF-16"; boundary=a',
        b"multipart/form-data; charset=utf-8x; boundary=a",
    ],
)
def test_a_head_that_two_readers_understand_differently(content_type: bytes) -> None:
    with pytest.raises(FormError):
        boundary_of(content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        b"multipart/form-data; boundary=----WebKitFormBoundaryAb12",
        b'multipart/form-data; charset=utf-8; boundary="a"',
        b'multipart/form-data; boundary=a; charset="UTF-8"',
    ],
)
def test_heads_of_clients(content_type: bytes) -> None:
    assert boundary_of(content_type)


@pytest.mark.parametrize(
    "head",
    [
        b'Content-Disposition: form-data; name="m\\odel"',
        b'Content-Disposition: form-data; name="_charset_"',
        b'Content-Disposition: form-data; name="model"\r\nContent-Type: text/plain; charset=utf-16',
        b'Content-Type: text/plain; charset="utf-7"\r\nContent-Disposition: form-data; name="model"',
    ],
)
def test_a_part_that_two_readers_understand_differently(head: bytes) -> None:
    with pytest.raises(FormError):
        read_form(b"--b\r\n" + head + b"\r\n\r\nx\r\n--b--\r\n", b"b")


def scanned(data: bytes, size: int) -> FormScan:
    """The scan of a form that comes in pieces of a size."""
    scan = FormScan(BOUNDARY)
    for start in range(0, len(data), size):
        scan.feed(data[start : start + size])
    scan.finish()
    return scan


@given(st.lists(st.tuples(st.sampled_from(["model", "n"]), TEXTS), max_size=3), FILES, st.integers(1, 40))
def test_pieces_of_any_size_are_read_as_the_whole(fields: list[tuple[str, str]], content: bytes, size: int) -> None:
    data = form(*((name, None, text.encode()) for name, text in fields), ("file", "a", content), ("x", None, b"1"))
    scan = scanned(data, size)
    whole = read_form(data, BOUNDARY)
    assert tuple(scan.parts) == whole.parts
    assert {name: scan.fields().raw(name) for name in scan.fields()} == {
        name: whole.fields.raw(name) for name in whole.fields
    }
    assert scan.file_at == whole.parts[len(fields)].start


def test_a_file_in_pieces_is_not_kept() -> None:
    scan = FormScan(BOUNDARY)
    scan.feed(form(("file", "a", b""))[: -len(BOUNDARY) - 10])
    for _ in range(100):
        scan.feed(b"\r\n--XyZ-01234" * 1000)
        assert len(scan._rest) < 100
    scan.seal(frozenset({"model"}))
    with pytest.raises(FormError, match="model must stand before"):
        scan.feed(b"\r\n" + form(("model", None, b"m")))


INNER = b'--%b\r\ncontent-disposition: form-data; name="model"\r\n\r\nother' % BOUNDARY


@pytest.mark.parametrize("name", [None, "a.wav"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\n\r", b"\r\r", b"\r\n\r", b"\n\n"])
def test_half_a_line_end_begins_no_part(line_end: bytes, name: str | None) -> None:
    """Some readers end a part there: to them a second ``model`` would follow, within what others take for a text."""
    data = form(("model", None, b"a"), ("x", name, b"text" + line_end + INNER))
    assert [each for each in parsed(data) if each[2] == b"other"]
    for size in (1, 2, 7, len(data)):
        with pytest.raises(FormError, match="half a line end in the part"):
            scanned(data, size)


def test_a_boundary_in_the_middle_of_a_line_is_text() -> None:
    for before in (b"x", b"\r\nx", b"\n ", b"\r-", b""):
        content = before + b"-x--" + BOUNDARY + b"\r\n"
        read = read_form(form(("a", None, content), ("model", None, b"m")), BOUNDARY)
        assert (read.fields.value("a"), read.fields.value("model")) == (content.decode(), "m")


def test_a_form_without_its_end() -> None:
    for cut in range(len(GOOD) - 2):
        scan = FormScan(BOUNDARY)
        scan.feed(GOOD[:cut])
        with pytest.raises(FormError):
            scan.finish()


def test_heads_of_white_space_take_no_time() -> None:
    head = b'--b\r\ncontent-disposition: form-data; name="a"\r\nx: charset' + b" " * 8000 + b"\r\n\r\nx\r\n"
    began = time.process_time()
    assert len(read_form(head * 40 + b"--b--", b"b").parts) == 40
    assert time.process_time() - began < 1
