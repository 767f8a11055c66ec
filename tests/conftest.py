"""Fixtures of every suite."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import hypothesis
import pytest
import trustme

import redis_server
from counting import ENGINES, Place, Store, in_memory
from loops import WatchedLoop
from penstock.providers.registry import PROVIDERS
from penstock.settings import load
from postgres import NOT_INSTALLED, Postgres, programs, running_postgres
from redis_server import RedisServer, running_redis
from running import RunningGateway, are_recordings_at_hand, replayed_recordings, running_gateway
from upstream import Upstream, running_upstream

pytest_plugins = ("leaks", "parts", "shuffle")

FOREIGN = (
    "PENSTOCK_",
    "TRUSTED_CUSTOM_HOSTS",
    "PORTKEY_",
    "OPENAI_",
    "AWS_",
    "AZURE_",
    "GOOGLE_",
    "IDENTITY_",
    "DATABRICKS_",
    "SNOWFLAKE_",
)

# A slow machine fails no property, and the examples are the same in each run: `--hypothesis-profile=explore` finds new.
hypothesis.settings.register_profile(
    "steady", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], derandomize=True
)
hypothesis.settings.register_profile("explore", hypothesis.settings.get_profile("steady"), derandomize=False)
hypothesis.settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    """Settings, credentials and proxies of the shell that the tests are started from are not the tests', and neither are
    the data folder of whoever starts them (a gateway that names no database has one in a folder of the tests' own) and
    the authorities that this machine trusts."""
    keys = {name for provider in PROVIDERS.values() for name in provider.env}
    for name in list(os.environ):
        if name in keys or name.startswith(FOREIGN) or name.upper().endswith("_PROXY"):
            del os.environ[name]
    data = tempfile.mkdtemp(prefix="penstock-tests-")
    os.environ["XDG_DATA_HOME"] = data
    # A client that is made reads the authorities that it trusts: the usual ones take 50 ms of each test, its own one.
    authority = Path(data, "authority.pem")
    trustme.CA().cert_pem.write_to_path(str(authority))
    os.environ["SSL_CERT_FILE"] = str(authority)
    config.add_cleanup(functools.partial(shutil.rmtree, data, ignore_errors=True))


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The transport suite runs on uvloop, as the gateway does, and on the standard event loop; the rest on uvloop."""
    uvloop = {"uvloop": WatchedLoop}
    return {**uvloop, "asyncio": asyncio.new_event_loop} if "transport" in item.path.parts else uvloop


NOT_AT_HAND = "the recorded provider traffic is not part of a clone"
LONGEST_WAIT = 300.0
"""Seconds after which an asynchronous test that waits fails: one that takes ten on a quiet machine passes on one ten
times as busy. pytest-timeout's signal doesn't end a wait of uvloop's."""


MANY_RECORDS = 1000
"""Records of which few are those of a fixture."""


def bounded(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def run(*args: object, **fixtures: object) -> None:
        async with asyncio.timeout(LONGEST_WAIT):
            await test(*args, **fixtures)

    return run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = bounded(item.obj)
    if not are_recordings_at_hand():
        for item in items:
            if item.get_closest_marker("recordings"):
                item.add_marker(pytest.mark.skip(reason=NOT_AT_HAND), append=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", ())]
    if count := sum(reason.endswith(NOT_AT_HAND) for reason in reasons):
        terminalreporter.write_line(f"{count} tests were skipped: {NOT_AT_HAND}.")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Let go of the records of earlier tests: a full queue would lose those of this one."""
    for value in getattr(item, "funcargs", {}).values():
        if isinstance(value, RunningGateway) and len(value.records) > MANY_RECORDS:
            value.taken()


@pytest.fixture(scope="session", autouse=True)
def patient_stops() -> Iterator[None]:
    """On a busy machine a part of the gateway takes longer to stop than a process that ends would wait for it, and what
    it had open would be reported as a leak of some test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("penstock.background._STOP_SECONDS", 60.0)
        yield


@pytest.fixture(scope="session", params=["http1", "asgi"])
def gateway(request: pytest.FixtureRequest) -> Iterator[RunningGateway]:
    """A gateway with default settings (loopback), without an access log: on its own protocol and as an ASGI app."""
    settings = load({}, {"PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent"))
    with running_gateway(settings, asgi=request.param == "asgi") as running:
        yield running


@pytest.fixture(scope="session")
def impatient() -> Iterator[RunningGateway]:
    """A gateway that takes a second of silence for a stall."""
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_UPSTREAM_IDLE_TIMEOUT": "1"}
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


@pytest.fixture
def hooks() -> Iterator[Upstream]:
    """The server of webhooks."""
    with running_upstream() as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server; the test is skipped where there is none."""
    if programs() is None:
        pytest.skip(NOT_INSTALLED)
    with running_postgres() as running:
        yield running


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A Redis server that runs; the test is skipped where none is installed."""
    if redis_server.program() is None:
        pytest.skip(redis_server.NOT_INSTALLED)
    with running_redis() as running:
        yield running


@pytest.fixture
def sqlite_place(tmp_path: Path) -> Place:
    return Place("sqlite", str(tmp_path / "counters.db"))


@pytest.fixture
def postgres_place(postgres: Postgres) -> Place:
    return Place("postgres", postgres.with_tables())


@pytest.fixture
def redis_place(redis: RedisServer) -> Place:
    return Place("redis", redis.address, redis.organisation())


@pytest.fixture(params=["memory", *ENGINES])
def place(request: pytest.FixtureRequest) -> Place | None:
    """Where counters of each kind are; None for those in memory."""
    return None if request.param == "memory" else request.getfixturevalue(f"{request.param}_place")


@pytest.fixture
async def store(place: Place | None) -> AsyncIterator[Store]:
    """Counters of each kind."""
    if place is None:
        yield in_memory()
        return
    await place.make()
    async with place.store() as made:
        yield made
