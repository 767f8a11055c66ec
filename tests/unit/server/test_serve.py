"""Workers under a supervisor."""

import subprocess
import sys


def test_workers_that_can_not_start_end_it_all() -> None:
    code = """
import socket
from penstock.server.serve import supervise
from penstock.settings.model import Server, Settings
supervise("penstock.no_such_module:app", Settings(Server(workers=2)), socket.create_server(("127.0.0.1", 0)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 3
    assert "no_such_module" in done.stderr
