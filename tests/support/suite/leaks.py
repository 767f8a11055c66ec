"""What a test opens, the test closes: whatever it leaves behind is reported as that test's own failure.

A socket, file, process or event loop that is dropped unclosed is a ResourceWarning. An object in a reference cycle is
dropped when the garbage collector runs, which is in the middle of a later test that did nothing wrong. So garbage is
collected after each test. It takes about half a millisecond, because ``gc.freeze`` puts everything that is older than
the test out of the collector's sight. Tasks and threads give no warning, and are looked for by themselves.

``--trace-leaks`` says where a leaked object was made. That is slow: use it on the test that leaks.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import traceback
import tracemalloc
from collections.abc import AsyncIterator, Generator
from typing import Any

import pytest

from loops import GATEWAY, left_open

PATIENCE = 30.0
"""Seconds that a task or thread has for ending by itself. Only a leak takes so long."""

_THREADS = pytest.StashKey[set[threading.Thread]]()
"""The threads that ran before the test's own fixtures."""

_outlived: list[str] = []
"""The fixtures of a module, package or session that ended in the present teardown."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--trace-leaks", action="store_true", help="say where an object was made that a test left unclosed"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("asyncio"):
            # The first fixture of the test's own that needs the event loop is the last that ends before the loop does.
            # All parameters of a test share the list of names.
            names = item.fixturenames
            if "no_task_is_left" not in names:
                names.insert(names.index("threads_before") + 1, "no_task_is_left")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.getoption("trace_leaks"):
        tracemalloc.start(12)
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    tracemalloc.stop()


@pytest.fixture(autouse=True)
def threads_before(request: pytest.FixtureRequest) -> None:
    """Note which threads belong to the module or session: their fixtures come before a test's own."""
    request.node.stash[_THREADS] = set(threading.enumerate())


@pytest.fixture
async def no_task_is_left() -> AsyncIterator[None]:
    """Fail if a task of the test still runs after the test and its fixtures: its event loop would cancel the task."""
    yield
    if running := asyncio.all_tasks() - {asyncio.current_task()}:
        _, left = await asyncio.wait(running, timeout=PATIENCE)
        if left:
            pytest.fail("tasks were left running:\n" + "\n".join(map(repr, left)), pytrace=False)


def pytest_fixture_post_finalizer(fixturedef: pytest.FixtureDef[Any]) -> None:
    # The choice of an event loop may change with every test, and opens nothing.
    if fixturedef.scope != "function" and fixturedef.argname != "_asyncio_loop_factory":
        _outlived.append(fixturedef.argname)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    try:
        yield
    finally:
        problems = [*_unclosed(item), *_threads(item)]
        _outlived.clear()
        if problems:
            pytest.fail("\n".join(problems), pytrace=False)


def _unclosed(item: pytest.Item) -> list[str]:
    """Collect the garbage of a test; what it left unclosed."""
    if isinstance(item, pytest.Function):
        item.funcargs.clear()
    # The variables of a failed test live as long as its traceback, which pytest keeps until the next test's call.
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        vars(sys).pop(name, None)
    if _outlived:
        # What such a fixture made is older than this test.
        gc.unfreeze()
    found = list(left_open)
    left_open.clear()
    before, sys.unraisablehook = sys.unraisablehook, lambda error: found.append(_said(error))
    try:
        gc.collect()
    finally:
        sys.unraisablehook = before
        gc.freeze()
    ended = f" (or a fixture that ended with it: {', '.join(_outlived)})" if found and _outlived else ""
    return [f"the test{ended} left something unclosed: {each}" for each in found]


def _said(error: sys.UnraisableHookArgs) -> str:
    text = "".join(traceback.format_exception_only(error.exc_type, error.exc_value)).strip()
    made = tracemalloc.get_object_traceback(error.object) if tracemalloc.is_tracing() else None
    return "\n".join([text, "made at:", *made.format()] if made else [text])


def _ends_with_another(thread: threading.Thread) -> bool:
    """Whether a thread ends with what has it: an event loop's pool, or what asks the database of a gateway that still
    runs, the module's, which opens it at the first request that needs it."""
    if "_connection_worker_thread" in thread.name or thread.name.startswith(("penstock-rows", "penstock-reading")):
        return any(each.name == GATEWAY for each in threading.enumerate())
    return thread.name.startswith(("asyncio_", "uvloop_", "large-work"))


def _threads(item: pytest.Item) -> list[str]:
    """The threads that a test left running. Those of an event loop's pool end with the loop, those that talk to a
    process for large bodies with the gateway."""
    before = item.stash.get(_THREADS, None)
    if before is None:
        return []
    own = [t for t in set(threading.enumerate()) - before if not _ends_with_another(t)]
    for thread in own:
        _join(thread)
    return [f"the test left a thread running: {thread}" for thread in own if thread.is_alive()]


def _join(thread: threading.Thread) -> None:
    """Wait for the end of a thread, for a while. A thread that another one is just starting can't be joined yet."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            thread.join(PATIENCE)
        except RuntimeError:
            time.sleep(0.001)
        else:
            return
