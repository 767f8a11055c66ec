"""A form (``multipart/form-data``) whose files are never copied: where its parts are, and its text fields as members.

A form passes with the caller's own bytes and boundary. Where a field is changed, added or left out, the bytes around it
are kept and only this part is written anew. The reader is strict: a form that two readers could understand differently
is refused, since a field may name the model that the caller is allowed. Source: RFC 7578; RFC 2046, 5.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from penstock.core.body import Body
from penstock.core.json_text import read_json, write_json

_MOST_PARTS: Final = 1024
_LONGEST_HEAD: Final = 8 << 10
_LONGEST_TEXT: Final = 1 << 20
"""Bytes of a text field that is read; a longer one passes unread, as a file does."""
_BOUNDARY: Final = re.compile(
    rb'boundary=(?:"([^"\\\r\n]{1,70})"|([A-Za-z0-9\'()+_,./:=?-]{1,70}))\s*(?:;|\Z)', re.IGNORECASE
)
_BOUNDARIES: Final = re.compile(rb"boundary[ \t]*(?:\*[0-9*]*[ \t]*)?=", re.IGNORECASE)
"""Each place that a reader may take for a boundary's: also RFC 2231's ``boundary*=`` and ``boundary*0=``."""
_CHARSET: Final = re.compile(
    rb"charset[ \t]*+\*?+[ \t]*+=[ \t]*+\"?+(?!(?:utf-?8|us-ascii)[\" \t;]|(?:utf-?8|us-ascii)\Z)", re.IGNORECASE
)
"""A character set in which a reader may understand texts otherwise: some readers of forms obey it."""
_DISPOSITION: Final = re.compile(rb"content-disposition[ \t]*:[ \t]*form-data((?:[ \t]*;[^\r\n]*)?)", re.IGNORECASE)
_PARAMETER: Final = re.compile(rb';[ \t]*([A-Za-z*]+)[ \t]*=[ \t]*(?:"((?:[^"\\\r\n]|\\.)*)"|([^;"\s]*))[ \t]*')
_OTHER_FORM: Final = re.compile(
    rb"content-disposition|content-transfer-encoding(?![ \t]*:[ \t]*(?:7bit|8bit|binary)[ \t]*\Z)", re.IGNORECASE
)
_FIELD: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*:[^\r\n]*")
_QUOTED: Final = {'"': "%22", "\r": "%0D", "\n": "%0A"}
"""How characters of a name are written (https://html.spec.whatwg.org/#multipart-form-data)."""


class FormError(ValueError):
    """The bytes are no form, or one that can be read in two ways. The message is the rest of a sentence."""


class Part(msgspec.Struct, frozen=True, gc=False):
    """One part: ``start`` is where its delimiter begins, ``content`` and ``end`` where its content begins and ends."""

    name: str
    start: int
    content: int
    end: int
    is_text: bool


class Form(msgspec.Struct, frozen=True):
    """A form as it came. ``fields`` are its text fields, each as a JSON string, a repeated one as an array.

    ``is_head``: only the parts before the first file have come; ``data`` ends where that file's delimiter begins.
    """

    data: bytes
    boundary: bytes
    parts: tuple[Part, ...]
    fields: Body
    is_head: bool = False

    @property
    def content_type(self) -> bytes:
        """The header's value that belongs to the form's bytes."""
        return b'multipart/form-data; boundary="%b"' % self.boundary

    def contents(self) -> Iterator[bytes | memoryview]:
        """The form without its boundary, which is random: the heads and contents of its parts, in order."""
        view, skipped = memoryview(self.data), len(self.boundary) + 2
        for part in self.parts:
            yield view[part.start + skipped : part.end]

    def with_fields(self, fields: Body) -> bytes:
        """The form with these text fields: unchanged ones keep their bytes. Raises FormError for a value that can't
        stand in this form."""
        names = dict.fromkeys((*self.fields, *fields))
        changes = {name: raw for name in names if not self._says(name, raw := fields.raw(name))}
        if not changes:
            return self.data
        view, pieces, written = memoryview(self.data), list[bytes | memoryview](), set[str]()
        for part in self.parts:
            if not part.is_text or part.name not in changes:
                pieces.append(view[part.start : part.end])
                pieces.append(b"\r\n")
            elif part.name not in written:
                written.add(part.name)
                pieces += self._written(part.name, changes[part.name])
        for name in changes:
            if name not in written:
                pieces += self._written(name, changes[name])
        return b"".join(pieces if self.is_head else (*pieces, b"--%b--\r\n" % self.boundary))

    def _says(self, name: str, raw: bytes | None) -> bool:
        """Whether a field has this value already, perhaps in another spelling of JSON."""
        known = self.fields.raw(name)
        if raw is None or known is None or raw == known:
            return raw == known
        return _texts(read_json(known)) == _texts(read_json(raw))

    def _written(self, name: str, raw: bytes | None) -> Iterator[bytes]:
        if raw is None:
            return
        quoted = "".join(_QUOTED.get(character, character) for character in name)
        for text in _texts(read_json(raw)):
            content = text.encode("utf-8", "surrogatepass")
            if b"--" + self.boundary in content:
                raise FormError(f"its boundary occurs in the value of {name[:64]}")
            head = b'--%b\r\ncontent-disposition: form-data; name="%b"\r\n\r\n'
            yield head % (self.boundary, quoted.encode("utf-8", "surrogatepass"))
            yield content
            yield b"\r\n"


def _texts(value: Any) -> Sequence[str]:
    """A JSON value as the fields of one name: an array is a repeated field."""
    values = value if isinstance(value, list) else [value]
    return [each if isinstance(each, str) else write_json(each).decode() for each in values if each is not None]


def boundary_of(content_type: bytes) -> bytes:
    """The boundary that a ``content-type`` names. Raises FormError."""
    found = _BOUNDARY.findall(content_type)
    if len(found) != 1 or len(_BOUNDARIES.findall(content_type)) != 1:
        raise FormError("its header content-type must name one boundary")
    if _CHARSET.search(content_type):
        raise FormError("its header content-type names a character set other than UTF-8")
    return bytes(found[0][0] or found[0][1])


def read_form(data: bytes, boundary: bytes) -> Form:
    """The parts of a form, found in one pass. Raises FormError."""
    scan = FormScan(boundary)
    scan.feed(data)
    scan.finish()
    return Form(data, boundary, tuple(scan.parts), scan.fields())


class FormScan:
    """Finds the parts of a form whose bytes come in pieces. Of files it holds no more than may be a delimiter.

    ``parts`` are the complete parts; ``file_at`` is where the first part that isn't a text begins, None before. Every
    position counts from the form's first byte. After ``seal`` no further field may be one that was named there, and no
    text is held, as no file is.
    """

    __slots__ = (
        "_at", "_content", "_delimiter", "_is_text", "_name", "_rest", "_sealed", "_start", "_step", "_texts",
        "file_at", "parts",
    )  # fmt: skip

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._rest = b""
        self._at = 0
        self._step: Callable[[FormScan, int], int | None] = FormScan._find_first
        self._texts: dict[str, list[str]] = {}
        self._start = self._content = 0
        self._name, self._is_text = "", True
        self._sealed: frozenset[str] = frozenset()
        self.parts: list[Part] = []
        self.file_at: int | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises FormError."""
        self._rest = self._rest + data if self._rest else data
        position: int | None = 0
        while position is not None:
            begun, position = position, self._step(self, position)
        kept = self._kept_from(begun)
        self._rest, self._at = self._rest[kept:], self._at + kept

    def finish(self) -> None:
        """The form has ended. Raises FormError if it isn't whole."""
        if self._step == FormScan._find_first:
            raise _no_boundary()
        if self._step == FormScan._find_head:
            raise self._no_head()
        if self._step == FormScan._find_break:
            raise self._no_break()
        if self._step == FormScan._find_end:
            raise FormError("it ends without its last boundary")

    def fields(self) -> Body:
        """The text fields so far, each as a JSON string, a repeated one as an array."""
        members = {name: values[0] if len(values) == 1 else values for name, values in self._texts.items()}
        return Body({name: write_json(value) for name, value in members.items()})

    def seal(self, names: frozenset[str]) -> None:
        """From now on a part of one of these names is refused, and no other is read."""
        self._sealed = names

    # Each step looks at ``_rest`` from a position on, and returns where the next step begins: None where bytes lack.

    def _find_first(self, position: int) -> int | None:
        first = self._delimiter[2:]
        if self._rest[: len(first)] != first[: len(self._rest)]:
            raise _no_boundary()
        if len(self._rest) < len(first):
            return None
        self._start, self._step = 0, FormScan._find_break
        return position + len(first)

    def _find_break(self, position: int) -> int | None:
        mark = self._rest[position : position + 2]
        if len(mark) < 2:
            return None
        if mark == b"--":
            self._step = FormScan._find_nothing
            return position + 2
        if mark != b"\r\n":
            raise self._no_break()
        if len(self.parts) >= _MOST_PARTS:
            raise FormError(f"it has more than {_MOST_PARTS} parts")
        self._step = FormScan._find_head
        return position

    def _find_head(self, position: int) -> int | None:
        head_end = self._rest.find(b"\r\n\r\n", position, position + _LONGEST_HEAD)
        if head_end < 0:
            if len(self._rest) - position >= _LONGEST_HEAD:
                raise self._no_head()
            return None
        name, is_file = _named(self._rest[position + 2 : head_end], self._start)
        if name in self._sealed:
            raise FormError(f"its field {name[:64]} must stand before its files, once")
        self._name, self._is_text = name, not (is_file or self._sealed)
        self._content = self._at + head_end + 4
        if is_file:
            self._pass_file()
        self._step = FormScan._find_end
        # An empty part's content may end where it begins: its delimiter begins with the head's last line break.
        return head_end + 2

    def _find_end(self, position: int) -> int | None:
        end = self._delimiter_from(position)
        if end < 0:
            if self._is_text and self._at + len(self._rest) - self._content > _LONGEST_TEXT + len(self._delimiter):
                self._is_text = False
                self._pass_file()
            return None
        content, text_end = self._content - self._at, max(end, self._content - self._at)
        is_text = self._is_text and text_end - content <= _LONGEST_TEXT
        if self._is_text and not is_text:
            self._pass_file()
        if is_text:
            self._texts.setdefault(self._name, []).append(self._rest[content:text_end].decode("utf-8", "replace"))
        self.parts.append(Part(self._name, self._start, self._content, self._at + text_end, is_text))
        self._start, self._step = self._at + end + 2, FormScan._find_break
        return end + len(self._delimiter)

    def _delimiter_from(self, position: int) -> int:
        """Where the next delimiter begins, -1 if it hasn't come. Some readers (Werkzeug, Python's ``email``) find it
        behind a line end of one character, too: to them another part would begin in the middle of this one."""
        rest, delimiter = self._rest, self._delimiter
        behind = rest.find(delimiter[1:], position)
        odd = rest.find(b"\r" + delimiter[2:], position, len(rest) if behind < 0 else behind)
        if odd >= 0 or (behind >= 0 and rest[behind - 1 : behind] != b"\r"):
            raise FormError(f"its boundary stands behind half a line end in the part at byte {self._start}")
        return behind - 1 if behind >= 0 else -1

    def _find_nothing(self, position: int) -> int | None:
        if self._rest[position:].strip(b"\r\n \t"):
            raise FormError("bytes follow its last boundary")
        return None

    def _kept_from(self, position: int) -> int:
        """From where on ``_rest`` is needed by the step that began at a position and lacks bytes."""
        if self._step == FormScan._find_nothing:
            return len(self._rest)
        if self._step == FormScan._find_end and not self._is_text:
            return max(position, len(self._rest) - len(self._delimiter) + 1)
        return position

    def _pass_file(self) -> None:
        """The present part is not read as a text."""
        if self._name == "model":
            raise FormError("its field model must be a short text")
        if self.file_at is None:
            self.file_at = self._start

    def _no_head(self) -> FormError:
        return FormError(f"the part at byte {self._start} has no head, or one of more than {_LONGEST_HEAD} bytes")

    def _no_break(self) -> FormError:
        return FormError(f"there is no line break after the boundary at byte {self._start}")


def _no_boundary() -> FormError:
    return FormError("it does not begin with its boundary")


def _named(head: bytes, at: int) -> tuple[str, bool]:
    """The name in a part's head, and whether the part is a file."""
    found: Mapping[bytes, bytes] | None = None
    for line in head.split(b"\r\n"):
        if not _FIELD.fullmatch(line):
            raise FormError(f"a line in the head of the part at byte {at} is no header")
        disposition = _DISPOSITION.fullmatch(line)
        if disposition is None:
            if _OTHER_FORM.match(line):
                raise FormError(f"the part at byte {at} is encoded, or no field of a form")
            continue
        if found is not None:
            raise FormError(f"the part at byte {at} has two names")
        found = _parameters(disposition[1], at)
    name = (found or {}).get(b"name")
    if found is None or name is None or b"name*" in found:
        raise FormError(f"the part at byte {at} has no name")
    is_file = b"filename" in found or b"filename*" in found
    # Some readers take a backslash out of m\odel, or obey a character set: then the name or the text is another.
    if b"\\" in name or name == b"_charset_" or (not is_file and _CHARSET.search(head)):
        raise FormError(f"the part at byte {at} can be read in two ways")
    return name.decode("utf-8", "replace"), is_file


def _parameters(text: bytes, at: int) -> Mapping[bytes, bytes]:
    parameters: dict[bytes, bytes] = {}
    position = 0
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None or match[1].lower() in parameters:
            raise FormError(f"the name of the part at byte {at} can be read in two ways")
        parameters[match[1].lower()] = match[2] if match[2] is not None else match[3]
        position = match.end()
    return parameters
