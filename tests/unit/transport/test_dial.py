"""Dialling judged addresses; the races of several are in test_connect.py, behind the transport."""

from __future__ import annotations

import errno

import pytest

from penstock.transport.dial import interleaved, race, reason_of


@pytest.mark.parametrize(
    ("addresses", "order"),
    [
        (["::1", "::2", "1.1.1.1"], ["::1", "1.1.1.1", "::2"]),
        (["1.1.1.1", "2.2.2.2", "::1", "::2"], ["1.1.1.1", "::1", "2.2.2.2", "::2"]),
        (["1.1.1.1"], ["1.1.1.1"]),
    ],
)
def test_families_take_turns(addresses: list[str], order: list[str]) -> None:
    assert interleaved(addresses) == order


async def test_a_lack_of_files_is_told_before_all_other_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(address: str, port: int) -> None:
        raise OSError(errno.EMFILE if address == "127.0.0.2" else errno.ECONNREFUSED, "x")

    monkeypatch.setattr("penstock.transport.dial._dial_one", fails)
    with pytest.raises(OSError) as raised:  # noqa: PT011 (the number is checked)
        await race(["127.0.0.1", "127.0.0.2", "127.0.0.3"], 1)
    assert raised.value.errno == errno.EMFILE


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)"), "connection refused"),
        (OSError(101, "Network is unreachable"), "Network is unreachable"),
        (OSError(), "OSError"),
    ],
)
def test_reasons_are_clauses(error: OSError, reason: str) -> None:
    assert reason_of(error) == reason
