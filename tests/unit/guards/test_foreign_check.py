"""Checks of other packages that raise, hang or return nonsense: each could not judge, and nothing else ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import reduce
from typing import Any

import pytest

from penstock.guards.base import Check, CheckError, Edit, Judgement, Prepared
from penstock.guards.foreign_check import Unsound, bounded
from penstock.guards.parameters import Parameters
from penstock.routing.problems import Problems

CANARY = "canary-4711"
POINTER = ("messages", 0, "content")
ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)


def prepared(prepare: Callable[..., Any]) -> tuple[Prepared, list[str]]:
    problems = Problems()
    made = bounded(Check("x.y", prepare)).prepare(Parameters({}, "config.x", problems))
    failure = problems.failure()
    return made, [] if failure is None else [failure.message]


def raising(error: BaseException) -> Callable[..., Any]:
    def judge(*_: Any) -> Any:
        raise error

    return judge


NONSENSE: list[Any] = [
    None,
    True,
    "passes",
    {"verdict": True},
    Judgement("yes"),  # type: ignore[arg-type]
    Judgement(True, data=object()),
    Judgement(True, data=ENDLESS),
    Judgement(True, data={(1, 2): 3}),
    Judgement(True, data=10**5000),
    Judgement(True, data=reduce(lambda inner, _: [inner], range(100_000), 1)),  # type: ignore[arg-type, return-value]
    Judgement(True, data="x" * 100_000),
    Judgement(True, error="boom"),  # type: ignore[arg-type]
    Judgement(True, error=CheckError(5)),  # type: ignore[arg-type]
    Judgement(True, edits=5),  # type: ignore[arg-type]
    Judgement(True, edits=("a",)),  # type: ignore[arg-type]
    Judgement(True, edits=(Edit(POINTER, 0, 1, None),)),  # type: ignore[arg-type]
    Judgement(True, edits=(Edit(POINTER, -5, 1, "x"),)),
    Judgement(True, edits=(Edit("messages", 0, 1, "x"),)),  # type: ignore[arg-type]
    Judgement(True, body="{}"),  # type: ignore[arg-type]
    Judgement(True, restores={"a": 5}),  # type: ignore[dict-item]
    Judgement(True, headers={"a\r\nb": "c"}),
    Judgement(True, headers={"x-a": "c\r\nd"}),
    Judgement(True, headers=5),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_no_judgement(nonsense: Any) -> None:
    check, problems = prepared(lambda _: Prepared(lambda _: nonsense))
    assert (check.judge is not None, problems) == (True, [])
    with pytest.raises((Unsound, ValueError, TypeError, RecursionError)):
        check.judge(None)  # type: ignore[arg-type, misc]

    async def ask(*_: Any) -> Any:
        return nonsense

    asking, _ = prepared(lambda _: Prepared(ask=ask))
    with pytest.raises((Unsound, ValueError, TypeError, RecursionError)):
        asyncio.run(asking.ask(None, None))  # type: ignore[arg-type, misc]


def test_a_judgement_passes_with_values_of_json() -> None:
    edit = Edit(POINTER, 0, 1, "x")
    judgement = Judgement(False, {"a": (1, "\ud800")}, None, [edit], b"{}", {"[A]": "b"}, {"x-a": None})  # type: ignore[arg-type]
    check, _ = prepared(lambda _: Prepared(lambda _: judgement, glance=lambda _: b"no JSON"))
    assert check.glance is None
    assert check.judge is not None
    told = check.judge(None)  # type: ignore[arg-type]
    assert (told.verdict, told.data, told.edits, told.body) == (False, {"a": [1, "\ud800"]}, (edit,), b"{}")


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), asyncio.CancelledError()])
def test_what_ends_more_than_a_request_ends_nothing(error: BaseException) -> None:
    check, _ = prepared(lambda _: Prepared(raising(error)))
    with pytest.raises(Unsound):
        check.judge(None)  # type: ignore[arg-type, misc]

    async def ask(*_: Any) -> Any:
        raise error

    if isinstance(error, asyncio.CancelledError):
        return  # pipeline/guarding/hooks.py knows whether somebody gave the check up
    asking, _ = prepared(lambda _: Prepared(ask=ask))
    with pytest.raises(Unsound):
        asyncio.run(asking.ask(None, None))  # type: ignore[arg-type, misc]


def test_a_check_that_hangs_is_given_up() -> None:
    async def ask(*_: Any) -> Any:
        await asyncio.Event().wait()

    check, _ = prepared(lambda _: Prepared(ask=ask))

    async def given_up() -> None:
        async with asyncio.timeout(0.01):
            await check.ask(None, None)  # type: ignore[arg-type, misc]

    with pytest.raises(TimeoutError):
        asyncio.run(given_up())


@pytest.mark.parametrize(
    "prepare",
    [
        raising(ValueError(CANARY)),
        raising(SystemExit(CANARY)),
        lambda _: None,
        lambda _: Prepared(),
        lambda _: Prepared(judge=5),  # type: ignore[arg-type]
        lambda _: Prepared(lambda _: Judgement(True), hold="x"),  # type: ignore[arg-type]
        lambda _: Prepared(lambda _: Judgement(True), size="x"),  # type: ignore[arg-type]
        lambda _: Prepared(lambda _: Judgement(True), size=-1),
        lambda _: Prepared(lambda _: Judgement(True), tells=("a b",)),
    ],
)
def test_what_prepares_nothing_refuses_the_config(prepare: Any) -> None:
    _, problems = prepared(prepare)
    assert len(problems) == 1
    assert problems[0].startswith("The config is not valid at config.x: the check")
    assert CANARY not in problems[0]
