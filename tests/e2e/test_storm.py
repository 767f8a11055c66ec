"""Small forms of bench/storm.py and bench/aborts.py: every kind of fault, callers that leave, and records that are odd."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench import aborts, faults, local, soak, storm
from bench.disconnects import Answer


def test_there_are_37_kinds_of_fault() -> None:
    assert len(faults.FAULTS) == 37


def test_a_storm_of_faults(tmp_path: Path) -> None:
    outcome = storm.run(600, 48, 7, tmp_path)
    assert outcome.problems() == []
    assert (sum(outcome.fates.values()), outcome.logged) == (600, 600)
    assert outcome.by_fault.keys() == faults.ACTS.keys()
    assert outcome.fates.keys() <= {"answered", "told", "cut, and seen by the caller"}


def test_a_caller_that_leaves_costs_the_provider_nothing(tmp_path: Path) -> None:
    taken = aborts.run(3, tmp_path)
    assert {name: len(seconds) for name, seconds in taken.items()} == dict.fromkeys(taken, 3)
    assert len(taken) == 8


SURROGATE = "\\ud800"
CHAT_HEADERS = {"x-portkey-provider": "echo"}


@pytest.mark.parametrize("is_guarded", [False, True])
async def test_no_request_ends_the_access_log(tmp_path: Path, is_guarded: bool) -> None:
    """Lone surrogates wherever a caller can put them, before and after a key is asked for."""
    settings = {}
    if is_guarded:
        (tmp_path / "penstock.toml").write_text(f'[keys.a]\nhash = "sha256:{"0" * 64}"\n')
        settings["CONFIG"] = str(tmp_path / "penstock.toml")
    odd = [
        ({}, f'{{"model":"{SURROGATE}","messages":[]}}', "/v1/chat/completions"),
        ({"x-portkey-metadata": f'{{"a":"{SURROGATE}"}}'}, '{"model":"m","messages":[]}', "/v1/chat/completions"),
        ({"x-portkey-metadata": f'{{"{SURROGATE}":"a"}}'}, '{"model":"m","messages":[]}', "/v1/messages"),
        ({"x-portkey-trace-id": "\xed\xa0\x80"}, '{"model":"m","messages":[]}', "/v1/chat/completions"),
        ({"user-agent": "\xed\xa0\x80\xff"}, '{"model":"m","messages":[]}', "/v1/chat/completions"),
        ({"x-portkey-virtual-key": "\xed\xa0\x80"}, '{"model":"m","messages":[]}', "/v1/chat/completions"),
        ({}, '{"model":"m","messages":[]}', "/v1/%ED%A0%80%FF"),
        ({}, f'{{"path":"/{SURROGATE}"}}', "/v1/explain"),
    ]
    with local.running(tmp_path, settings) as gateway:
        for headers, body, path in odd:
            async with local.connected(gateway.port) as connection:
                connection.send(_request(path, body, {**CHAT_HEADERS, **headers}))
                answer = await connection.answer(Answer())
                assert answer.complete
                if is_guarded and "%" not in path:
                    assert answer.status == 401
        async with local.connected(gateway.port) as connection:
            connection.send(_request("/v1/chat/completions", '{"model":"last","messages":[]}', CHAT_HEADERS))
            assert (await connection.answer(Answer())).complete
    assert len(gateway.records()) == len(odd) + 1
    assert "died" not in gateway.messages()
    assert "Traceback" not in gateway.messages()


def _request(path: str, body: str, headers: dict[str, str]) -> bytes:
    return local.request(path, body.encode("latin-1"), {}).replace(
        b"\r\n\r\n",
        b"\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1") + b"\r\n",
        1,
    )


def test_a_slope_is_that_of_the_line_through_the_samples_after_the_warm_up() -> None:
    samples = [soak.Sample(minutes, 50.0 + minutes, 3, 20) for minutes in range(10)]
    samples[0] = soak.Sample(0, 900.0, 3, 20)
    assert soak.slope(samples, "resident_mb") == pytest.approx(60)
    assert soak.slope(samples, "tasks") == 0


def test_the_scripts_say_how_they_are_used() -> None:
    for name in ("storm", "aborts", "stops", "soak"):
        done = subprocess.run(
            [sys.executable, "-m", f"bench.{name}", "--help"], capture_output=True, timeout=300, check=False
        )
        assert done.returncode == 0
        assert b"usage" in done.stdout


def test_the_same_storm_comes_again() -> None:
    first, again = list(storm.plans(50, 3)), list(storm.plans(50, 3))
    assert first == again
    assert json.loads(storm.config(first[0], 1))


@pytest.mark.parametrize(
    ("answer", "fate"),
    [
        (Answer(), "no answer"),
        (Answer(502, b'{"error":{}}', complete=True), "told"),
        (Answer(502, b'{"err', complete=False), "silently cut"),
        (Answer(500, b'{"error":{"code":"internal_error"}}', complete=True), "internal"),
        (Answer(200, b"data: m\n\n", complete=False), "cut, and seen by the caller"),
        (Answer(200, b"data: m\n\n", complete=True), "silently cut"),
        (Answer(200, b"data: m\n\ndata: [DONE]\n\n", complete=True), "answered"),
        (Answer(200, b"data: x\n\ndata: [DONE]\n\n", complete=True), "mixed up"),
        (Answer(200, b'data: {"error":1}\n\n', complete=True), "told"),
    ],
)
def test_the_verdict_on_an_answer(answer: Answer, fate: str) -> None:
    plan = storm.Plan("m", ("good",), stream=True, is_anthropic=False, retries=0)
    assert storm.judge(plan, answer) == fate
