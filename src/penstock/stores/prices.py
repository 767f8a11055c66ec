"""The default table of the price book, made of the library genai-prices: prices are there without any command.

A process of its own converts the library's data when the gateway starts for the first time with a release of the
library; the result is kept as a file in the data folder.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

from penstock.prices.table import PriceTable, TableError
from penstock.stores.price_conversion import LIBRARY, library_version

_LOG: Final = logging.getLogger("penstock")
_MODULE: Final = "penstock.stores.price_conversion"
_FORM: Final = 1
"""The form of the files. A change of what the conversion makes of the same data needs another number."""
_LONGEST: Final = 60.0
"""Seconds that the conversion may take: it needs one."""
_ENVIRONMENT: Final = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "LANG", "LC_ALL")
_TABLES: Final[dict[str, PriceTable]] = {}
"""Default tables by the library's release: gateways of one process share them."""
_TURN: Final = threading.Lock()
"""Held while a table is made, so that it is made once."""


class DefaultPrices:
    """A part of the gateway that reads the default table; ``table`` is None until it is there.

    It is there some milliseconds after ``start``, at the very first start after about a second. ``folder`` keeps it;
    without a folder it is made at the first start of each process.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._task: asyncio.Task[None] | None = None
        self._conversion = _Conversion()
        self.table: PriceTable | None = None
        self.is_loading = True

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._load(), name="prices")

    async def stop(self) -> None:
        """End a conversion that is under way."""
        task, self._task = self._task, None
        self._conversion.stop()
        if task is not None:
            await task

    async def ready(self) -> None:
        """Wait until the default table is there, or can't be had."""
        if self._task is not None and self.is_loading:
            await asyncio.shield(self._task)

    async def _load(self) -> None:
        try:
            self.table = await asyncio.to_thread(default_table, self._folder, self._conversion)
        except PricesUnavailableError as error:
            if not self._conversion.is_stopped:
                _LOG.warning("%s", error)
        finally:
            self.is_loading = False


class PricesUnavailableError(Exception):
    """There is no default table. The message says why."""


class _Conversion:
    """The process that converts, which ``stop`` ends from another thread."""

    def __init__(self) -> None:
        self._popen: subprocess.Popen[bytes] | None = None
        self.is_stopped = False

    def run(self, version: str) -> bytes:
        """The document. Raises PricesUnavailableError."""
        # The child finds the gateway's modules where the gateway found them, and none of its credentials.
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
        command = [sys.executable, "-P", "-m", _MODULE, version]
        try:
            with subprocess.Popen(  # noqa: S603 (nothing of it comes from outside)
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # a signal to the gateway's group is the gateway's to handle
            ) as popen:
                self._popen = popen
                if self.is_stopped:
                    popen.kill()
                return self._result(popen)
        except OSError as error:
            raise PricesUnavailableError(f"the prices of {LIBRARY} can't be read: {error}") from None

    def _result(self, popen: subprocess.Popen[bytes]) -> bytes:
        try:
            out, err = popen.communicate(timeout=_LONGEST)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.communicate()
            raise PricesUnavailableError(f"the prices of {LIBRARY} took more than {_LONGEST:g} s to read") from None
        if self.is_stopped:
            raise PricesUnavailableError("the gateway stopped before its prices were read")
        if popen.returncode:
            reason = (err.decode("utf-8", "replace").strip().splitlines() or [f"status {popen.returncode}"])[-1]
            raise PricesUnavailableError(f"the prices of {LIBRARY} can't be read: {reason}")
        return out

    def stop(self) -> None:
        self.is_stopped = True
        if self._popen is not None:
            self._popen.kill()


def default_table(folder: Path | None = None, conversion: _Conversion | None = None) -> PriceTable:
    """The table of the library that is installed: from this process, from the folder, or converted now.

    Blocks for a second where it is converted. Raises PricesUnavailableError.
    """
    version = library_version()
    if version is None:
        raise PricesUnavailableError(f"the library {LIBRARY} is not installed: costs are known by loaded prices alone")
    with _TURN:
        table = _TABLES.get(version)
        if table is None:
            table = _TABLES[version] = _kept(folder, version) or _made(folder, version, conversion or _Conversion())
    return table


def _file(folder: Path, version: str) -> Path:
    return folder / f"prices-{_FORM}-{LIBRARY}-{version}.json"


def _kept(folder: Path | None, version: str) -> PriceTable | None:
    if folder is None:
        return None
    try:
        return PriceTable(_file(folder, version).read_bytes())
    except (OSError, TableError):
        return None


def _made(folder: Path | None, version: str, conversion: _Conversion) -> PriceTable:
    body = conversion.run(version)
    try:
        table = PriceTable(body)
    except TableError as error:
        raise PricesUnavailableError(f"the prices of {LIBRARY} can't be read: {error}") from None
    if folder is not None:
        _keep(folder, version, body)
    return table


def _keep(folder: Path, version: str, body: bytes) -> None:
    """Write the file in one step, and remove those of other releases. A folder that can't be written costs a second at
    each start."""
    place = _file(folder, version)
    part = place.with_suffix(f".{os.getpid()}.part")
    try:
        part.write_bytes(body)
        part.replace(place)
        for other in folder.glob(f"prices-*-{LIBRARY}-*.json"):
            if other != place:
                other.unlink(missing_ok=True)
    except OSError as error:
        part.unlink(missing_ok=True)
        _LOG.warning("the prices can't be kept in %s: %s", folder, error.strerror)
