"""Fixtures of every suite."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop

from penstock.settings import load
from running import RunningGateway, replayed_recordings, running_gateway
from upstream import Upstream, running_upstream


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The transport suite runs on uvloop, as the gateway does, and on the standard event loop; the rest on uvloop."""
    every = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
    return every if "transport" in item.path.parts else {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session", params=["http1", "asgi"])
def gateway(request: pytest.FixtureRequest) -> Iterator[RunningGateway]:
    """A gateway with default settings (loopback), without an access log: on its own protocol and as an ASGI app."""
    settings = load({}, {"PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent"))
    with running_gateway(settings, asgi=request.param == "asgi") as running:
        yield running


@pytest.fixture(scope="session")
def impatient() -> Iterator[RunningGateway]:
    """A gateway that takes half a second of silence for a stall."""
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_UPSTREAM_IDLE_TIMEOUT": "0.5"}
    with running_gateway(load({}, environment, Path("/nonexistent"))) as running:
        yield running


@pytest.fixture(scope="session")
def replay() -> Iterator[str]:
    """The base URL of the recorded upstream."""
    with replayed_recordings() as url:
        yield url


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A scripted provider."""
    with running_upstream() as running:
        yield running
