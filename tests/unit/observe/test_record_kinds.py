"""Records are of one kind if they differ in what a kind leaves open alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from penstock.core.usage import Usage
from penstock.observe.record import AttemptRecord, GuardVerdict, Record
from penstock.observe.record_kinds import RecordKind, RecordKinds

OPEN: dict[str, Any] = {
    "at": 2.0, "latency": 3.0, "first_byte": 0.1, "usage": Usage(1), "trace_id": "t", "metadata": {"a": "b"},
    "labels": {"team": "red"}, "client": "::1", "user_agent": "curl", "request_id": "r", "parameters": {"n": b"1"},
    "dropped": ("top_k",),
}  # fmt: skip
"""What records of one kind may differ in."""
FIXED: dict[str, Any] = {
    "method": "GET", "path": "/other", "status": 404, "operation": "embeddings", "dialect": "gemini",
    "provider": "p", "model": "m", "stream": True, "option": "config.targets[1]",
    "cache": "MISS", "key": "k", "virtual_key": "v", "config": "c", "key_id": "i", "workspace": "w",
}  # fmt: skip
"""What they have in common."""
UNUSUAL: dict[str, Any] = {
    "failure": "timeout", "trace": "a 500; b 200", "skipped": 1, "head_status": 200,
    "guards": (GuardVerdict("before", "g", "c", "denied"),),
}  # fmt: skip
OPEN_OF_ATTEMPT: dict[str, Any] = {
    "began": 0.1, "first_content": 0.2, "ended": 0.3, "usage": Usage(7), "span_id": "s",
}  # fmt: skip
FIXED_OF_ATTEMPT: dict[str, Any] = {
    "target": "config.targets[1]", "provider": "p", "model": "m", "lane": 2, "status": 500, "cache": "HIT",
    "is_charged": False, "is_shared": True, "virtual_key": "v", "region": "eu", "identity": "d",
}  # fmt: skip
UNUSUAL_OF_ATTEMPT: dict[str, Any] = {"failure": "timeout", "is_hedge_loser": True}


def record(attempt: dict[str, Any] | None = None, **more: Any) -> Record:
    one = {"target": "config", "provider": "openai", "model": "gpt", "lane": 1, "status": 200, "began": 0.0}
    told = {"at": 1.0, "method": "POST", "path": "/", "status": 200, "latency": 1.0, "trace": "config 200", **more}
    return Record(attempts=(AttemptRecord(**{**one, **(attempt or {})}),), **told)


def kinds(*records: Record) -> list[RecordKind | None]:
    assigned = RecordKinds()
    for each in records:
        assigned.assign(each)
    return [each.kind for each in records]


@pytest.mark.parametrize("name", OPEN)
def test_records_of_one_kind(name: str) -> None:
    first, second = kinds(record(), record(**{name: OPEN[name]}))
    assert first is second is not None


@pytest.mark.parametrize("name", FIXED)
def test_records_of_two_kinds(name: str) -> None:
    first, second, third = kinds(record(), record(**{name: FIXED[name]}), record(**{name: FIXED[name]}))
    assert first is not second
    assert second is third is not None


@pytest.mark.parametrize("name", OPEN_OF_ATTEMPT)
def test_records_of_one_kind_whose_attempts_differ(name: str) -> None:
    first, second = kinds(record(), record({name: OPEN_OF_ATTEMPT[name]}))
    assert first is second is not None


@pytest.mark.parametrize("name", FIXED_OF_ATTEMPT)
def test_records_of_two_kinds_by_their_attempts(name: str) -> None:
    first, second = kinds(record(), record({name: FIXED_OF_ATTEMPT[name]}))
    assert first is not second
    assert second is not None


@pytest.mark.parametrize("name", UNUSUAL)
def test_a_record_of_what_is_rare_is_of_no_kind(name: str) -> None:
    assert kinds(record(**{name: UNUSUAL[name]})) == [None]


@pytest.mark.parametrize("name", UNUSUAL_OF_ATTEMPT)
def test_a_record_of_a_rare_attempt_is_of_no_kind(name: str) -> None:
    assert kinds(record({name: UNUSUAL_OF_ATTEMPT[name]})) == [None]


def test_each_member_of_records_is_open_or_in_common() -> None:
    judged = {*OPEN, *FIXED, *UNUSUAL, "attempts", "kind", "trace_context"}
    assert judged == set(Record.__struct_fields__)
    of_attempt = {*OPEN_OF_ATTEMPT, *FIXED_OF_ATTEMPT, *UNUSUAL_OF_ATTEMPT, "billed", "charge"}
    assert of_attempt == set(AttemptRecord.__struct_fields__)


def test_a_record_without_an_attempt_or_with_several_is_of_no_kind() -> None:
    several = record().attempts * 2
    assert kinds(msgspec.structs.replace(record(), attempts=several), Record(1.0, "GET", "/", 200, 0.1)) == [None, None]


@pytest.mark.parametrize(
    "long",
    [record(path="/" + "x" * 10_000), record({"model": "m" * 10_000}), record({"region": "r" * 10_000})],
    ids=["path", "model", "region"],
)
def test_what_callers_choose_is_not_remembered_at_any_length(long: Record) -> None:
    assert kinds(long, long) == [None, None]


def test_kinds_are_bounded() -> None:
    assigned = RecordKinds()
    for number in range(10_000):
        assigned.assign(record(model=f"m{number}"))
    assert len(assigned._known) <= 4096


def test_a_kind_that_was_written_and_read_again_is_another_one() -> None:
    first = record()
    RecordKinds().assign(first)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(first), type=Record)
    assert again.kind != first.kind
    assert again.kind not in {first.kind: 1}
