"""The way to a Redis or Valkey server: its address, a pool of connections, scripts that are sent once."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from penstock.stores.stored_counters import StoreDown

_LOG: Final = logging.getLogger("penstock")
_SCHEMES: Final = ("redis", "rediss", "unix")
_EXPECTED: Final = "expected redis://:PASSWORD@HOST:PORT/0, rediss://… for TLS, or unix:///SOCKET"

CONNECTIONS: Final = 16
"""Connections of a worker; calls beyond them wait."""


class RedisAddressError(ValueError):
    """The address can't be used. The message doesn't repeat it: it may hold a password."""


class RedisConnection:
    """Connections to one server. Every method raises StoreDown when the server can't be reached or refuses.

    A call is given up by cancelling it; its connection is closed then, so that no late answer is taken for another's.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in _SCHEMES:
            raise RedisAddressError(_EXPECTED)
        self.name = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
        try:
            from redis.asyncio import BlockingConnectionPool, Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
            from redis.exceptions import NoScriptError, RedisError
        except ModuleNotFoundError:
            raise RedisAddressError("Redis needs the library redis: pip install penstock[redis]") from None
        self._errors = (RedisError, OSError, TimeoutError)
        self._no_script = NoScriptError
        try:
            pool = BlockingConnectionPool.from_url(
                address,
                max_connections=CONNECTIONS,
                timeout=None,
                retry=Retry(NoBackoff(), 0),
                socket_timeout=None,
                socket_connect_timeout=None,
            )
        except ValueError:
            raise RedisAddressError(_EXPECTED) from None
        self._client: Any = Redis.from_pool(pool)

    async def command(self, *arguments: str | bytes | int) -> Any:
        try:
            return await self._client.execute_command(*arguments)
        except self._errors as error:
            raise self._down(error) from error

    async def run(self, script: Script, key: str, *arguments: str | bytes) -> Any:
        """The answer of a script. It is sent once; the server knows it by its digest from then on."""
        try:
            try:
                return await self._client.execute_command("EVALSHA", script.digest, 1, key, *arguments)
            except self._no_script:
                return await self._client.execute_command("EVAL", script.text, 1, key, *arguments)
        except self._errors as error:
            raise self._down(error) from error

    async def check(self) -> list[str]:
        """Warnings, if the server may forget what it is told."""
        warnings: list[str] = []
        policy = await self._setting("memory", "maxmemory_policy")
        if policy not in {None, "noeviction"}:
            warnings.append(
                f"{self.name} has maxmemory-policy {policy}: it may drop counters when it is full; set noeviction"
            )
        if await self._setting("persistence", "aof_enabled") == "0":
            warnings.append(
                f"{self.name} has no append-only file: after a restart the counters are rebuilt; set appendonly yes"
            )
        return warnings

    async def close(self) -> None:
        await self._client.aclose()

    async def _setting(self, section: str, name: str) -> str | None:
        value = (await self.command("INFO", section)).get(name)
        return None if value is None else str(value)

    def _down(self, error: BaseException) -> StoreDown:
        reason = str(error).partition("\n")[0] or type(error).__name__
        return StoreDown(f"{self.name} can't be used: {reason}")


class Script:
    """A script that runs on the server."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text()
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
