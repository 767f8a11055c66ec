"""Texts in base64: the data of documents and of ``data:`` URLs, unless their media type is one of no texts.

A model reads them as it reads any other text. Hosts read what is no proper base64, URL or UTF-8 in several ways: the
text is then all that any of them reads, one reading to a line. Source: RFC 2397, RFC 4648;
https://fetch.spec.whatwg.org/#data-urls.
"""

from __future__ import annotations

import binascii
import functools
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from mimetypes import MimeTypes

_URL: Final = re.compile(r"[\x00-\x20]*+" + r"[\t\r\n]*+".join("data") + r"[\t\r\n]*+:([^,]*+),", re.IGNORECASE)
"""The beginning of a ``data:`` URL, with the white space that readers of URLs leave out."""
_BASE64: Final = "base64"
_DIGITS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
_NO_DIGITS: Final = bytes(set(range(256)) - {*_DIGITS, *b"-_="})
_MOST_PIECES: Final = 64
"""Padded pieces of base64 that are read one by one."""
_TEXTS: Final = frozenset(
    f"application/{name}"
    for name in (
        "csv", "ecmascript", "graphql", "javascript", "json", "jsonl", "rtf", "sql", "toml", "typescript",
        "x-httpd-php", "x-javascript", "x-jsonlines", "x-latex", "x-ndjson", "x-python", "x-python-code", "x-sh",
        "x-tex", "x-typescript", "x-yaml", "xml", "yaml",
    )
)  # fmt: skip
"""Media types of texts beside ``text/…`` and those that end in ``+json``, ``+xml`` or ``+yaml``."""
_NO_TEXTS: Final = ("image/", "audio/", "video/", "font/", "application/pdf", "application/vnd.", "application/zip")
"""How media types begin that are none of texts. The data of any other type is a text if it is UTF-8."""
_CHARSETS: Final = frozenset(
    """
    big5 euc-jp euc-kr gb18030 gbk iso-2022-jp iso-8859-1 koi8-r shift_jis utf-16 utf-16be utf-16le utf-32 utf-32be
    utf-32le utf-7 windows-1251 windows-1252
    """.split()
)
"""Charsets other than UTF-8 that are read. Each takes time in proportion to its data."""
_MARKS: Final = ((BOM_UTF32_LE, "utf-32"), (BOM_UTF32_BE, "utf-32"), (BOM_UTF16_LE, "utf-16"), (BOM_UTF16_BE, "utf-16"))
_NOISE: Final = {0: None, 0xFFFD: None}
_SAMPLE: Final = 1024
"""Bytes that tell in which order UTF-16 without a mark has its own."""


def is_text(media_type: str) -> bool:
    """Whether what has this media type is text; without one it is (RFC 2397)."""
    essence = _essence(media_type)
    return (
        not essence or essence.startswith("text/") or essence.endswith(("+json", "+xml", "+yaml")) or essence in _TEXTS
    )


def type_of_file(name: str) -> str:
    """The media type of a file with this name; ``application/octet-stream`` where the name doesn't tell."""
    return _types_by_name().guess_type(name)[0] or "application/octet-stream"


@functools.cache
def _types_by_name() -> MimeTypes:
    """Python's own table, whatever a machine adds to it: on some of them TypeScript is a video. It takes half a
    megabyte, and is loaded with the first file."""
    from mimetypes import MimeTypes

    return MimeTypes()


def from_base64(data: str, media_type: str = "") -> str | None:
    """The text of data in base64, as lenient as hosts read it: either alphabet, anything between the digits, no padding
    or some in the middle. None for what is no text."""
    return None if _is_no_text(media_type) else _text(_bytes_of(data), media_type)


def is_data_url(url: str) -> bool:
    return _URL.match(url) is not None


def from_data_url(url: str) -> tuple[str, str] | None:
    """The text of a ``data:`` URL, and what stands before the data where it is written anew, in base64. None for any
    other URL, and for data that is no text."""
    found = _URL.match(url)
    if found is None:
        return None
    parts = [part.strip() for part in found[1].translate({9: None, 10: None, 13: None}).split(";")]
    named = [part.lower() == _BASE64 for part in parts]
    media_type = ";".join([part for part, is_named in zip(parts, named, strict=True) if not is_named])
    if _is_no_text(media_type):
        return None
    data = url[found.end() :]
    decoded: list[bytes] = []
    if True in named:
        decoded.append(_bytes_of(data))
        if "%" in data:
            decoded.append(_bytes_of(unquote_to_bytes(data).decode("ascii", "ignore")))
    if not named[-1]:
        decoded.append(unquote_to_bytes(data))
    readings = [text for each in decoded if (text := _text(each, media_type)) is not None]
    return (_all_of(readings), f"data:{media_type};{_BASE64},") if readings else None


def to_base64(text: str) -> str:
    return binascii.b2a_base64(text.encode("utf-8", "replace"), newline=False).decode()


def _essence(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


def _is_no_text(media_type: str) -> bool:
    return not is_text(media_type) and _essence(media_type).startswith(_NO_TEXTS)


def _bytes_of(data: str) -> bytes:
    """What base64 stands for. A digit that is too much at the end of a piece stands for nothing."""
    digits = data.encode("ascii", "ignore").translate(_FROM_URL, _NO_DIGITS).rstrip(b"=")
    *pieces, rest = digits.split(b"=", _MOST_PIECES)
    return b"".join([_piece(each) for each in (*pieces, rest.translate(None, b"="))])


def _piece(digits: bytes) -> bytes:
    return binascii.a2b_base64((digits[:-1] if len(digits) % 4 == 1 else digits) + b"==")


def _text(data: bytes, media_type: str) -> str | None:
    """The text that bytes are. What is no UTF-8 becomes U+FFFD, as readers have it; in another charset, by its name,
    its mark or its zeros, it is read as UTF-8, too, without what is noise then."""
    charset = _named_charset(data, media_type)
    if not is_text(media_type):
        try:
            return None if b"\0" in data and charset is None else data.decode(charset or "utf-8-sig")
        except UnicodeDecodeError:
            return None
    charset = charset or _charset_of_zeros(data)
    text = data.decode("utf-8-sig", "replace")
    return text if charset is None else _all_of([data.decode(charset, "replace"), text.translate(_NOISE)])


def _named_charset(data: bytes, media_type: str) -> str | None:
    """The charset other than UTF-8 that bytes are in, as their mark or their media type says."""
    for mark, charset in _MARKS:
        if data.startswith(mark):
            return charset
    for part in media_type.lower().split(";")[1:]:
        name, _, value = part.strip().partition("=")
        value = value.strip(" \"'")
        if name.strip() == "charset" and value in _CHARSETS:
            return value
    return None


def _charset_of_zeros(data: bytes) -> str | None:
    """UTF-16, where bytes have zeros; None where they have none."""
    if b"\0" not in data:
        return None
    sample = data[:_SAMPLE]
    return "utf-16-be" if sample[::2].count(0) > sample[1::2].count(0) else "utf-16-le"


def _all_of(readings: Iterable[str]) -> str:
    return "\n".join(dict.fromkeys(readings))
