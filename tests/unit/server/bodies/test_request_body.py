"""Bodies as their surfaces take them, without a socket; tests/e2e/test_uploads.py is about those that arrive."""

from __future__ import annotations

from edge import FakeClient
from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.observe.record import Records
from penstock.pipeline.account import Account
from penstock.server.bodies.request_body import read_request_body
from penstock.server.limits import RequestLimits
from penstock.server.request_context import RequestContext
from penstock.server.surface_table import Match
from penstock.server.surfaces import SURFACES


async def read(path: str, body: bytes | Failure, content_type: bytes, length: int = 0) -> object:
    match = SURFACES.find("POST", path)
    assert isinstance(match, Match)
    headers: Headers = [(b"content-type", content_type), (b"content-length", str(length or 5).encode())]
    account = Account(Records(), "POST", path)
    context = RequestContext(account, match.surface.dialect, headers, FakeClient(body))
    return await read_request_body(match.surface, context, RequestLimits(100, 1, upload_bytes=1000))


async def test_bodies_of_every_kind() -> None:
    assert await read("/v1/chat/completions", b"{}", b"application/json") == (b"{}", None, None)
    passing = await read("/v1/files", b'{"model": "m"}', b"application/json")
    assert isinstance(passing, tuple)
    assert passing[1].model == "m"
    form = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n--b--'
    read_form = await read("/v1/audio/transcriptions", form, b"multipart/form-data; boundary=b")
    assert isinstance(read_form, tuple)
    assert (read_form[1].model, read_form[2]) == ("m", None)


async def test_a_server_without_pieces_gives_large_bodies_whole() -> None:
    data = b"\x00" * 50
    assert await read("/v1/files", data, b"application/pdf", 2 << 20) == (data, None, None)


async def test_failures() -> None:
    left = Failure(Kind.CLIENT_DISCONNECTED, "gone")
    assert await read("/v1/files", left, b"application/pdf") is left
    refused = await read("/v1/files", b"nonsense", b"application/json")
    assert isinstance(refused, Failure)
