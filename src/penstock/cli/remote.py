"""A client of a gateway that is running somewhere, on the standard library alone."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import click

from penstock.cli.terminal import Terminal

# The gateway has limits of its own and tells when one is met: this one only guards against a gateway that died.
_SILENCE: Final = 900.0
_PIECE: Final = 1 << 16


def ask(url: str, headers: Mapping[str, str], body: bytes, terminal: Terminal) -> None:
    """One chat completion; the reply goes to the terminal as it comes."""
    connection, path = _connection(url)
    try:
        connection.request("POST", path, body, dict(headers))
        response = connection.getresponse()
        terminal.head(response.status, response.headers.get("content-type", ""))
        while piece := response.read1(_PIECE):
            terminal.body(piece)
    except http.client.HTTPException:
        raise click.ClickException(f"the gateway at {url} broke off its reply") from None
    except OSError as error:
        raise click.ClickException(f"can't reach a gateway at {url}: {error.strerror or error}") from None
    finally:
        connection.close()


def _connection(url: str) -> tuple[http.client.HTTPConnection, str]:
    schemes = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in schemes:
        raise click.ClickException(f"--url: {url} is no address such as http://127.0.0.1:8787")
    base = parts.path.rstrip("/").removesuffix("/v1")
    return schemes[parts.scheme](host, port, timeout=_SILENCE), f"{base}/v1/chat/completions"
