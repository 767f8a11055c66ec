"""Settings of telemetry, as they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.settings import load
from settings_sources import NOWHERE, in_file, problems


def test_from_variables() -> None:
    environ = {
        "PENSTOCK_TELEMETRY_ENDPOINT": "https://example.com/api/public/otel",
        "PENSTOCK_TELEMETRY_HEADERS": "authorization=Basic abc==,x-a=1",
        "PENSTOCK_TELEMETRY_BAGGAGE": "session.id",
    }
    telemetry = load({}, environ, NOWHERE).telemetry
    assert telemetry.headers == ("authorization=Basic abc==", "x-a=1")
    assert (telemetry.baggage, telemetry.sample_ratio, telemetry.propagate) == (("session.id",), 1.0, False)


@pytest.mark.parametrize(
    "line",
    [
        'endpoint = "localhost:4318"', 'endpoint = "http://user:secret@host"', 'headers = ["a b=1"]', 'headers = ["a"]',
        "sample_ratio = 1.5", 'conventions = "1.0"', 'resource = ["a"]', "interval = 0.0", "queue_size = 0",
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, line: str) -> None:
    (problem,) = problems(cwd=in_file(tmp_path, f"[telemetry]\n{line}\n"))
    assert problem.startswith(f"telemetry.{line.partition(' ')[0]} in ")


def test_a_header_is_a_secret(tmp_path: Path) -> None:
    (problem,) = problems(cwd=in_file(tmp_path, '[telemetry]\nheaders = ["authorization: sk-secret"]\n'))
    assert "sk-secret" not in problem
