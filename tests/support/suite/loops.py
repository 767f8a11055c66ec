"""The event loop of the gateway, for tests: what is still open when the loop closes is told."""

from __future__ import annotations

import warnings

import uvloop

left_open: list[str] = []
"""What was open when an event loop closed, since leaks.py last looked."""


GATEWAY = "gateway"
"""The name of the thread of a gateway that a test runs."""


class WatchedLoop(uvloop.Loop):
    """uvloop warns of something unclosed in the middle of closing, and hangs if the warning is an error."""

    def close(self) -> None:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", ResourceWarning)
            super().close()
        left_open.extend(str(warning.message) for warning in told)
