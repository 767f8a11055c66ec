"""What wrk is told to do and what it reports."""

from __future__ import annotations

import pytest
from bench import wrk
from bench.failure import MeasurementError
from bench.route import Route

NOISE = "Running 5s test @ http://127.0.0.1:8000\n  1 threads and 64 connections\n"


def printed(**changed: int) -> str:
    line = {"requests": 200, "microseconds": 5_000_000, "status": 0, "socket": 0, "p50": 180, "p99": 2500} | changed
    return NOISE + "{" + ",".join(f'"{key}":{value}' for key, value in line.items()) + "}\n"


def test_the_summary_is_found_among_what_wrk_prints() -> None:
    assert wrk.parse(printed()) == wrk.Summary(requests=200, seconds=5.0, p50_ms=0.18, p99_ms=2.5)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (printed(status=3), "of 200 requests 3 were answered with an error"),
        (printed(socket=2), "2 connections failed"),
        (printed(requests=0), "of 0 requests"),
        (NOISE, "no summary"),
    ],
)
def test_a_run_with_failures_is_no_result(output: str, message: str) -> None:
    with pytest.raises(MeasurementError, match=message):
        wrk.parse(output)


def test_the_script_sends_the_request_as_it_is() -> None:
    script = wrk.compose(Route(8000, "/v1/chat", {"x-config": '{"a":"$b"}'}), b'{"text":"\\n$requests"}')
    assert 'wrk.path = "/v1/chat"' in script
    assert 'wrk.headers["x-config"] = [==[{"a":"$b"}]==]' in script
    assert 'wrk.body = [==[{"text":"\\n$requests"}]==]' in script
