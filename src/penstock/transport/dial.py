"""Sockets to judged addresses: several addresses race as RFC 8305 (happy eyeballs) has it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Final

from penstock.transport.open_files import lacks_files

_STAGGER: Final = 0.25
"""Seconds before the next address is tried beside the one that hasn't answered (RFC 8305 section 8)."""


async def race(addresses: Sequence[str], port: int) -> socket.socket:
    """The first address to accept. Raises the first OSError when none does, but a lack of files before all others."""
    if len(addresses) == 1:
        return await _dial_one(addresses[0], port)
    loop = asyncio.get_running_loop()
    running: set[asyncio.Task[socket.socket]] = set()
    errors: list[OSError] = []
    waiting = interleaved(addresses)
    try:
        while waiting or running:
            if waiting:
                running.add(loop.create_task(_dial_one(waiting.pop(0), port)))
            done, running = await asyncio.wait(
                running, timeout=_STAGGER if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.exception()
                if error is None:
                    done.discard(task)
                    running |= done
                    return task.result()
                if not isinstance(error, OSError):
                    raise error
                errors.append(error)
        raise next(filter(lacks_files, errors), errors[0])
    finally:
        await _give_up(running)


async def _give_up(running: set[asyncio.Task[socket.socket]]) -> None:
    for task in running:
        task.cancel()
    for result in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(result, socket.socket):
            result.close()


def interleaved(addresses: Sequence[str]) -> list[str]:
    """Families in turn, beginning with that of the preferred address."""
    first = ":" in addresses[0]
    same = [address for address in addresses if (":" in address) is first]
    other = [address for address in addresses if (":" in address) is not first]
    return [address for address in chain(*zip_longest(same, other)) if address is not None]


async def _dial_one(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def reason_of(error: BaseException) -> str:
    """The reason of a failed system call, as a clause for a message."""
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
