"""Requests that are answered in one piece: wrk, told by a lua script what to send, answering in JSON."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from string import Template

from bench.failure import MeasurementError
from bench.machine import Tools
from bench.route import Route

_SCRIPT = Template("""\
wrk.method = "POST"
wrk.path = "$path"
$headers
wrk.body = [==[$body]==]

function done(summary, latency)
    local failed = summary.errors
    io.write(string.format(
        '{"requests":%d,"microseconds":%d,"status":%d,"socket":%d,"p50":%d,"p99":%d}\\n',
        summary.requests, summary.duration, failed.status,
        failed.connect + failed.read + failed.write + failed.timeout,
        latency:percentile(50), latency:percentile(99)))
end
""")


@dataclass(frozen=True)
class Summary:
    """What one run of wrk saw; latencies in milliseconds."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float


def run(tools: Tools, home: Path, route: Route, body: bytes, *, connections: int, seconds: float) -> Summary:
    """Send the same request over kept-alive connections for some time."""
    script = home / "wrk.lua"
    script.write_text(compose(route, body), encoding="utf-8")
    finished = subprocess.run(
        [
            *(str(tools.wrk), "--threads", "1", "--connections", str(connections)),
            *("--duration", f"{max(1, round(seconds))}s", "--timeout", "30s"),
            *("--script", str(script), f"http://127.0.0.1:{route.port}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise MeasurementError(f"wrk failed: {finished.stderr.strip() or finished.stdout.strip()}")
    return parse(finished.stdout)


def compose(route: Route, body: bytes) -> str:
    """The script. Lua's long brackets hold any text that does not end them."""
    headers = {"content-type": "application/json", **route.headers}
    return _SCRIPT.substitute(
        path=route.path,
        headers="\n".join(f'wrk.headers["{name}"] = [==[{value}]==]' for name, value in headers.items()),
        body=body.decode(),
    )


def parse(output: str) -> Summary:
    """Find the script's line in what wrk printed. Raises MeasurementError when requests failed."""
    line = next((line for line in output.splitlines() if line.startswith("{")), None)
    if line is None:
        raise MeasurementError(f"wrk printed no summary: {output.strip()[-300:]}")
    seen = json.loads(line)
    if seen["status"] or seen["socket"] or not seen["requests"]:
        raise MeasurementError(
            f"of {seen['requests']} requests {seen['status']} were answered with an error, "
            f"and {seen['socket']} connections failed"
        )
    return Summary(seen["requests"], seen["microseconds"] / 1e6, seen["p50"] / 1e3, seen["p99"] / 1e3)
