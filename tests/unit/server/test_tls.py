"""TLS towards callers: the certificate of a handshake is that of the newest files that can be used."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from penstock.server.tls import TlsFiles, problem, renewing
from penstock.settings.model import Server


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def write(files: TlsFiles, ca: trustme.CA, name: str = "localhost") -> None:
    certificate = ca.issue_cert(name)
    Path(files.certificate).write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    Path(files.key).write_bytes(certificate.private_key_pem.bytes())


def replace(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    return TlsFiles(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))


@contextlib.asynccontextmanager
async def listening(context: ssl.SSLContext) -> AsyncIterator[int]:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hi")
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def greeted(port: int, ca: trustme.CA, shown: trustme.LeafCert | None = None, name: str = "localhost") -> bool:
    """Whether a caller that trusts this authority is answered; ``shown`` is the caller's own certificate."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if shown is not None:
        shown.configure_cert(context)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    except (ssl.SSLError, ConnectionError):
        return False
    try:
        return await reader.read() == b"hi"
    except (ssl.SSLError, ConnectionError):
        return False
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_a_renewed_certificate_is_in_force_without_a_restart(files: TlsFiles) -> None:
    old, new, clock = trustme.CA(), trustme.CA(), Clock()
    write(files, old)
    async with listening(renewing(files, clock)) as port:
        assert await greeted(port, old)
        write(files, new)
        # Within a second of the last look the files are not looked at.
        assert await greeted(port, old)
        clock.now += 1
        assert await greeted(port, new)
        assert not await greeted(port, old)


async def test_a_caller_that_sends_no_server_name_gets_the_renewed_one(files: TlsFiles) -> None:
    old, new, clock = trustme.CA(), trustme.CA(), Clock()
    write(files, old, "127.0.0.1")
    async with listening(renewing(files, clock)) as port:
        write(files, new, "127.0.0.1")
        clock.now += 1
        assert await greeted(port, new, name="127.0.0.1")


async def test_files_that_can_not_be_used_leave_in_force_what_was(
    files: TlsFiles, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "penstock")
    old, new, clock = trustme.CA(), trustme.CA(), Clock()
    write(files, old)
    async with listening(renewing(files, clock)) as port:
        half = trustme.CA().issue_cert("localhost").cert_chain_pems[0].bytes()
        for content in (b"", b"garbage", half, None):
            clock.now += 1
            replace(Path(files.certificate), content)
            assert await greeted(port, old)
            assert "the certificate that was in force stays in force" in caplog.records[-1].message
            assert await greeted(port, old)
        assert len(caplog.records) == 4
        write(files, new)
        clock.now += 1
        assert await greeted(port, new)
        assert caplog.records[-1].message == f"{files.certificate} is renewed and in force"


async def test_callers_must_show_a_certificate_where_an_authority_is_set(files: TlsFiles, tmp_path: Path) -> None:
    ours, theirs, others, clock = trustme.CA(), trustme.CA(), trustme.CA(), Clock()
    write(files, ours)
    authorities = tmp_path / "callers.pem"
    authorities.write_bytes(theirs.cert_pem.bytes())
    mutual = TlsFiles(files.certificate, files.key, str(authorities))
    async with listening(renewing(mutual, clock)) as port:
        assert await greeted(port, ours, theirs.issue_cert("caller"))
        assert not await greeted(port, ours)
        assert not await greeted(port, ours, others.issue_cert("caller"))
        # Authorities are renewed, too: what the old one vouched for is no longer let in.
        authorities.write_bytes(others.cert_pem.bytes())
        clock.now += 1
        assert await greeted(port, ours, others.issue_cert("caller"))
        assert not await greeted(port, ours, theirs.issue_cert("caller"))
        assert not await greeted(port, ours)


async def test_old_versions_are_refused(files: TlsFiles) -> None:
    write(files, trustme.CA())
    assert renewing(files).minimum_version is ssl.TLSVersion.TLSv1_2


def test_files_that_can_not_be_used_at_the_start(files: TlsFiles) -> None:
    with pytest.raises(OSError, match="No such file") as missing:
        renewing(files)
    assert problem(files, missing.value) == (
        f"server.tls_cert, tls_key and tls_client_ca: {files.certificate}, {files.key} can't be used: "
        "No such file or directory"
    )
    write(files, trustme.CA())
    Path(files.key).write_bytes(trustme.CA().issue_cert("localhost").private_key_pem.bytes())
    with pytest.raises(ssl.SSLError) as mismatch:
        renewing(files)
    assert "KEY_VALUES_MISMATCH" in problem(files, mismatch.value)


def test_without_a_certificate_there_is_no_tls() -> None:
    assert TlsFiles.of(Server()) is None
    assert TlsFiles.of(Server(tls_cert="a", tls_key="b")) == TlsFiles("a", "b")
