"""A system under test while it runs, and what a contender is before it does.

proxy.py, gateway.py and peers.py each make contenders; a measure sees nothing but this.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from bench import route
from bench.failure import MeasurementError
from bench.process import Process
from bench.route import Addressing, Route
from bench.upstream import Behaviour, Upstream


class Role(Enum):
    """Why a contender takes part."""

    REFERENCE = "reference"
    """nginx: the limit that the others are divided by."""
    GATEWAY = "gateway"
    PEER = "peer"


class Way(Protocol):
    """How a chat request gets from the client through a system under test to the mock."""

    def __call__(
        self, behaviour: Behaviour, *, tls: bool = False, addressing: Addressing = route.by_headers
    ) -> Route: ...


@dataclass(frozen=True)
class Subject:
    """A running system under test."""

    process: Process
    way: Way
    seconds_to_answer: float
    """From the start of its process to its first answer."""


@dataclass(frozen=True)
class Contender:
    """A system that can be started, again and again, in front of a mock upstream."""

    name: str
    role: Role
    serve: Callable[[Upstream], AbstractContextManager[Subject]]


def gateway_way(port: int, upstream: Upstream) -> Way:
    """The way through a gateway that is told by headers of every request where the upstream is."""

    def way(behaviour: Behaviour, *, tls: bool = False, addressing: Addressing = route.by_headers) -> Route:
        return Route(port, route.CHAT_PATH, addressing(upstream.base_url(behaviour, tls=tls)))

    return way


def until_it_answers(process: Process, first: Route, body: bytes, patience: float) -> float:
    """Ask until the first answer of status 200; returns the seconds since the process was started."""
    seen = "nothing"
    while process.running and time.perf_counter() - process.started_at < patience:
        try:
            status, answer = route.post(first, body, patience)
        except (OSError, http.client.HTTPException) as error:
            seen = repr(error)
        else:
            if status == 200:
                return time.perf_counter() - process.started_at
            seen = f"{status} {answer[:300].decode(errors='replace')}"
        time.sleep(0.002)
    how = "did not answer in time" if process.running else "ended"
    raise MeasurementError(f"{how}; last answer: {seen}; its log ends with: {process.last_words()}")
