"""``penstock`` without a network: ``python -m bench.sheltered serve`` knows no names but its own.

``good.example`` is loopback, names that begin with ``slow`` are silent for ten seconds, and no other name exists. So an
attack that gets through reaches nobody.
"""

from __future__ import annotations

import socket
import time
from types import SimpleNamespace
from typing import Any, Final

from penstock.__main__ import run
from penstock.transport import resolve

SILENCE: Final = 10.0


def look_up(host: str, *_: Any, **__: Any) -> list[Any]:
    """In place of ``socket.getaddrinfo``."""
    if host.startswith("slow"):
        time.sleep(SILENCE)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    if host != "good.example":
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 0))]


if __name__ == "__main__":
    resolve.socket = SimpleNamespace(**{**vars(socket), "getaddrinfo": look_up})  # type: ignore[attr-defined, assignment]
    run()
