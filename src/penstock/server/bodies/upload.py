"""Uploads: large bodies that pass to a provider while they arrive. The gateway reads their head alone.

Sources: docs/endpoints.md#uploads; RFC 7578.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.core.form import Form, FormError, FormScan, boundary_of
from penstock.core.json_beginning import may_be_object
from penstock.dialects.caller import CallerDialect, RequestBody
from penstock.server.bodies.arriving_body import ArrivingBody
from penstock.server.bodies.buffering import BodyBuffer
from penstock.server.bodies.media_types import BodyKind, form_request, media_type_of, read_fields, says_json
from penstock.server.limits import too_large

SMALLEST: Final = 1 << 20
"""Bytes up to which a body is read whole: it can be sent again then, whatever the config asks."""
_LONGEST_HEAD: Final = 256 << 10
"""Bytes before the first file of a form that are read for its fields."""
_LONGEST_BLANK: Final = 4 << 10
"""Bytes of white space before any other byte of a body, from which on it is read whole."""
_SEALED: Final = frozenset({"model", "stream"})
"""Fields that are read from the head of a form: none of them may come again behind it."""


class Upload:
    """What follows ``head`` of a body. ``rest`` are its bytes, -1 if nobody says how many.

    ``is_begun``: bytes of it were handed out, so that nobody can send the body again.
    """

    def __init__(self, arriving: ArrivingBody, limit: int, scan: FormScan | None = None) -> None:
        self._arriving = arriving
        self._limit = limit
        self._scan = scan
        self._form: tuple[Mapping[bytes, bytes], CallerDialect] | None = None
        self._ahead = b""
        self.head = b""
        self.is_begun = False

    @property
    def rest(self) -> int:
        declared = self._arriving.declared
        return declared if declared < 0 else declared - len(self.head)

    async def read(self) -> bytes | Failure:
        """The next bytes behind the head; ``b""`` at the end; the failure of a body that came to none."""
        self.is_begun = True
        if self._ahead:
            ahead, self._ahead = self._ahead, b""
            return ahead
        return await self._next()

    async def whole(self) -> tuple[bytes, RequestBody | None] | Failure:
        """The whole body, held in memory, and its fields where it is a form."""
        self._scan = None  # the whole form is read anew
        body = BodyBuffer()
        body.add(self.head)
        while True:
            piece = await self.read()
            if isinstance(piece, Failure):
                return piece
            if not piece:
                break
            body.add(piece)
            failure = too_large(self._limit) if body.size > self._limit else self._arriving.hold.hold_step(body.size)
            if failure is not None:
                return failure
        data = body.take()
        if self._form is None:
            return data, None
        request = await read_fields(data, *self._form)
        return request if isinstance(request, Failure) else (data, request)

    async def _next(self) -> bytes | Failure:
        piece = await self._arriving.read()
        if self._scan is not None and not isinstance(piece, Failure):
            try:
                self._scan.feed(piece) if piece else self._scan.finish()
            except FormError as error:
                return Failure(Kind.INVALID_REQUEST, f"The gateway could not read the form: {error}.", sent=False)
        return piece

    async def begin(self) -> bool | Failure:
        """Read the head of a body, up to what tells whether it may be a JSON object, which isn't sent unread. One that
        tells nothing for ``_LONGEST_BLANK`` bytes may be one."""
        while (may_be := may_be_object(self.head)) is None:
            if len(self.head) > _LONGEST_BLANK:
                return True
            piece = await self._next()
            if isinstance(piece, Failure):
                return piece
            if not piece:
                return False
            self.head += piece
        return may_be

    async def begin_form(self, fields: Mapping[bytes, bytes], dialect: CallerDialect) -> RequestBody | Failure | None:
        """Read the fields before the first file of a form. None: what must be known doesn't stand there."""
        scan, self._form = self._scan, (fields, dialect)
        if scan is None:
            return None
        data = b""
        while scan.file_at is None:
            piece = await self._next()
            if isinstance(piece, Failure):
                return piece
            data += piece
            if not piece or len(data) > _LONGEST_HEAD:
                self.head = data
                return None
        members = scan.fields()
        if "model" not in members:
            self.head = data
            return None
        self.head, self._ahead = data[: scan.file_at], data[scan.file_at :]
        parts = tuple(part for part in scan.parts if part.start < scan.file_at)
        scan.seal(_SEALED)
        return form_request(
            Form(self.head, boundary_of(fields[b"content-type"]), parts, members, is_head=True), dialect
        )


def may_stream(fields: Mapping[bytes, bytes], kind: bytes) -> bool:
    """Whether a body of this kind of surface is large enough to pass while it arrives, and of a form that nobody must
    read whole."""
    length = fields.get(b"content-length")
    is_large = b"transfer-encoding" in fields if length is None else int(length) > SMALLEST
    if not is_large or kind is BodyKind.JSON or fields.get(b"content-encoding", b"identity").lower() != b"identity":
        return False
    is_form = media_type_of(fields) == BodyKind.MULTIPART
    return not says_json(fields) if kind is BodyKind.ANY else is_form


async def begin_upload(
    arriving: ArrivingBody, limit: int, fields: Mapping[bytes, bytes], kind: bytes, dialect: CallerDialect
) -> tuple[Upload, RequestBody | None] | bytes | Failure:
    """An upload whose head has come, and its fields; the whole body where it must be read whole.

    ``limit`` are the bytes that a whole body may have.
    """
    if kind is BodyKind.ANY:
        upload = Upload(arriving, limit)
        may_be = await upload.begin()
        if isinstance(may_be, Failure):
            return may_be
        if not may_be:
            return upload, None
    else:
        try:
            upload = Upload(arriving, limit, FormScan(boundary_of(fields.get(b"content-type", b""))))
        except FormError as error:
            return Failure(Kind.INVALID_REQUEST, f"The gateway could not read the form: {error}.")
        request = await upload.begin_form(fields, dialect)
        if request is not None:
            return request if isinstance(request, Failure) else (upload, request)
    read = await upload.whole()
    return read if isinstance(read, Failure) else read[0]
