"""The process's files: their limit, and what is said and closed when none is left."""

from __future__ import annotations

import asyncio
import errno
import math
import os
import resource
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from penstock.transport.open_files import FileWatch, has_file_left, idle_share, lacks_files, raise_file_limit


class Limit:
    """The process's limit, as ``resource`` tells it. ``refuses`` says which soft limits the system does not take."""

    def __init__(self, soft: int, hard: int, refuses: Callable[[int], bool] = lambda _: False) -> None:
        self.soft, self.hard, self.refuses = soft, hard, refuses

    def get(self, _: int) -> tuple[int, int]:
        return self.soft, self.hard

    def set(self, _: int, limits: tuple[int, int]) -> None:
        if self.refuses(limits[0]):
            raise ValueError("not allowed to raise maximum limit")
        self.soft = limits[0]
        assert limits[1] == self.hard


def unlimited(soft: int) -> bool:
    return soft == resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("limit", "soft"),
    [
        (Limit(1024, 4096), 4096),
        (Limit(4096, 4096), 4096),
        (Limit(256, resource.RLIM_INFINITY), resource.RLIM_INFINITY),
        (Limit(256, resource.RLIM_INFINITY, unlimited), 10_240),
        (Limit(20_000, resource.RLIM_INFINITY, unlimited), 20_000),
        (Limit(256, 512, lambda _: True), 256),
    ],
)
def test_the_soft_limit_becomes_the_hard_one(limit: Limit, soft: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", limit.get)
    monkeypatch.setattr(resource, "setrlimit", limit.set)
    raise_file_limit()
    assert limit.soft == soft


@pytest.mark.parametrize(("soft", "share"), [(1024, 256), (200, 50), (resource.RLIM_INFINITY, math.inf)])
def test_idle_connections_take_a_quarter_of_the_files(soft: int, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", Limit(soft, resource.RLIM_INFINITY).get)
    assert idle_share() == share


@pytest.mark.parametrize(("number", "lacks"), [(errno.EMFILE, True), (errno.ENFILE, True), (errno.ECONNREFUSED, False)])
def test_which_errors_say_that_no_file_is_left(number: int, lacks: bool) -> None:
    assert lacks_files(OSError(number, "x")) is lacks
    assert not lacks_files(ValueError("x"))


def nothing_left(*_: object) -> int:
    raise OSError(errno.EMFILE, "Too many open files")


def no_null_device(*_: object) -> int:
    raise OSError(errno.ENOENT, "No such file")


def test_whether_a_file_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    assert has_file_left()
    monkeypatch.setattr("penstock.transport.open_files.os", SimpleNamespace(**{**vars(os), "open": nothing_left}))
    assert not has_file_left()
    monkeypatch.setattr("penstock.transport.open_files.os", SimpleNamespace(**{**vars(os), "open": no_null_device}))
    assert has_file_left()


def test_a_lack_is_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    watch = FileWatch(lambda: ["idle"], lambda: now[0])
    for now[0], lines in ((0.0, 1), (59.0, 1), (60.0, 2)):
        assert watch.lacking() == ["idle"]
        assert len(caplog.records) == lines
    assert "1 idle connections to providers were closed" in caplog.text
    assert str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]) in caplog.text


async def test_a_lack_that_only_callers_feel_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped = asyncio.Event()

    def drop() -> list[str]:
        dropped.set()
        return []

    monkeypatch.setattr("penstock.transport.open_files._LOOK", 0.001)
    monkeypatch.setattr("penstock.transport.open_files.has_file_left", lambda: False)
    watch = FileWatch(drop)
    watch.start()
    await asyncio.wait_for(dropped.wait(), 300)
    watch.stop()
    watch.stop()


async def test_nothing_is_closed_while_files_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = asyncio.Event()

    def look() -> bool:
        looked.set()
        return True

    monkeypatch.setattr("penstock.transport.open_files._LOOK", 0.001)
    monkeypatch.setattr("penstock.transport.open_files.has_file_left", look)
    watch = FileWatch[str](lambda: pytest.fail("nothing is to be closed"))
    watch.start()
    await asyncio.wait_for(looked.wait(), 300)
    watch.stop()
