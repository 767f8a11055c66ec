"""The body of a request, as its surface takes it: read whole, or its beginning where it passes while it arrives."""

from __future__ import annotations

from penstock.core.failure import Failure
from penstock.dialects.caller import RequestBody
from penstock.pipeline.off_loop.thread import LARGE, off_loop
from penstock.server.bodies.media_types import BodyKind, media_type_of, read_any, read_fields
from penstock.server.bodies.upload import Upload, begin_upload, may_stream
from penstock.server.limits import RequestLimits
from penstock.server.request_context import RequestContext
from penstock.server.surface_table import Surface

Body = tuple[bytes, RequestBody | None, Upload | None]
"""A body or its beginning, its members where they were read, and what follows the beginning."""


async def read_request_body(surface: Surface, context: RequestContext, limits: RequestLimits) -> Body | Failure:
    """The body of a request to a surface, within the limits of one that is read whole, or that passes."""
    fields, kind, client = context.fields, surface.body, context.client
    most, silence = limits.body_bytes, limits.body_silence
    read: bytes | tuple[Upload, RequestBody | None] | Failure | None = None
    if kind is not BodyKind.JSON and may_stream(fields, kind):
        arriving = client.read_pieces(limits.upload_bytes, silence)
        if isinstance(arriving, Failure):
            return arriving
        if arriving is not None:
            read = await begin_upload(arriving, most, fields, kind, surface.dialect)
    if read is None:
        read = await client.read_body(fields, most, silence)
    if isinstance(read, tuple):
        upload, request = read
        return upload.head, request, upload
    if not isinstance(read, bytes):
        return read
    members: RequestBody | Failure | None = None
    if kind is BodyKind.ANY:
        members = await read_any(read, fields, surface.dialect)
    elif kind is not BodyKind.JSON and media_type_of(fields) == BodyKind.MULTIPART:
        members = await read_fields(read, fields, surface.dialect)
    return members if isinstance(members, Failure) else (read, members, None)


async def meant_surface(surface: Surface, body: bytes) -> Surface:
    """The surface that a body is for, where a path takes several kinds. A large body is read beside the event loop."""
    return await off_loop(lambda: surface.meant_by(body)) if len(body) > LARGE else surface.meant_by(body)
