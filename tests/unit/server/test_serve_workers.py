"""Workers under a supervisor."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from penstock.server.serve_workers import known_keys
from penstock.stores.catalogue import EMPTY, STALE, Catalogue, GatewayKey
from penstock.stores.layered import layer
from penstock.stores.memory import MemoryCatalogue

GUARDED = Catalogue(is_guarded=True)
OF_FILE = Catalogue(keys=(GatewayKey("a", digest=b"d"),), is_guarded=True)


@pytest.mark.parametrize(
    ("in_force", "stored", "place"),
    [
        (EMPTY, None, "open"),
        (EMPTY, EMPTY, "open"),
        (GUARDED, None, "file"),
        (GUARDED, EMPTY, "file"),
        (GUARDED, GUARDED, "database"),
        # A database that is lost for long lets nobody in, and may hold no key.
        (STALE, STALE, ""),
        (layer([OF_FILE, STALE]), STALE, "file"),
    ],
)
def test_later_workers_are_told_where_keys_were(in_force: Catalogue, stored: Catalogue | None, place: str) -> None:
    compiler = SimpleNamespace(catalogues=MemoryCatalogue(in_force))
    gateway = SimpleNamespace(pipeline=SimpleNamespace(compiler=compiler), stored=stored)
    assert known_keys(cast("Any", gateway)) == place


def test_workers_that_can_not_start_end_it_all() -> None:
    code = """
import socket
from penstock.server.serve_workers import supervise
from penstock.settings.model import Server, Settings
supervise("penstock.no_such_module:app", Settings(Server(workers=2)), socket.create_server(("127.0.0.1", 0)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 3
    assert "no_such_module" in done.stderr
