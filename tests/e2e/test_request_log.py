"""The request log of a gateway that runs: what it keeps, what it never keeps, and what survives a kill."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from penstock.settings import load
from running import RunningGateway, running_gateway
from serving import serving, until

ADMIN: Final = "an-admin-key-of-the-environment"
SECRET: Final = "sk-" + "s3cr3t" * 6
ASK: Final = {"model": "echo", "messages": [{"role": "user", "content": f"Hello, I am {SECRET}!"}]}


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningGateway]:
    monkeypatch.setenv("PENSTOCK_ADMIN_KEY", ADMIN)
    settings = load({}, {"PENSTOCK_STORE_DATABASE": f"sqlite:///{tmp_path / 'penstock.db'}"}, tmp_path)
    with running_gateway(settings) as running:
        yield running


class Asking:
    """Asks a gateway, and reads its log."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def chat(self, trace: str, body: Any = None, **headers: str) -> httpx.Response:
        fields = {"x-portkey-provider": "echo", "x-portkey-trace-id": trace}
        fields |= {f"x-portkey-{name.replace('_', '-')}": value for name, value in headers.items()}
        return self._client.post("/v1/chat/completions", json=body or ASK, headers=fields)

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._client.request(method, f"/v1{path}", json=body, headers={"x-portkey-api-key": ADMIN})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def row(self, trace: str) -> Any:
        """The row of a trace, when it is there."""
        found: list[Any] = []

        def is_there() -> bool:
            found.extend(self.admin("GET", f"/logs?trace_id={trace}")["data"])
            return bool(found)

        until(is_there)
        return self.admin("GET", f"/logs/{found[0]['id']}")


@pytest.fixture
def asking(gateway: RunningGateway) -> Iterator[Asking]:
    with httpx.Client(base_url=gateway.url, timeout=300) as client:
        yield Asking(client)


def test_a_newcomers_requests_are_there_without_a_key_and_without_their_content(asking: Asking) -> None:
    answer = asking.chat("t1", metadata='{"team":"a"}', span_id="s", span_name="n")
    assert answer.status_code == 200
    told = asking.row("t1")
    assert told["_id"] == answer.headers["x-portkey-request-id"]
    metrics = told["metrics"]
    assert (metrics["ai_org"], metrics["ai_model"], metrics["response_status_code"]) == ("echo", "echo", 200)
    assert (metrics["span_id"], metrics["span_name"], metrics["metadata.key"]) == ("s", "n", ["team"])
    assert (len(told["attempts"]), told["attempts"][0]["status"]) == (1, 200)
    assert (told["request"]["body"], told["response"]["body"], told["has_content"]) == (None, None, False)
    assert "Hello" not in json.dumps(told)


def test_a_failed_request_tells_why_and_never_its_prompt(asking: Asking) -> None:
    assert asking.chat("t2", config='{"provider":"nobody"}').status_code == 400
    told = asking.row("t2")
    assert told["metrics"]["error_message"]
    assert "Hello" not in json.dumps(told)


def test_a_header_keeps_a_request_out_of_the_log(asking: Asking) -> None:
    assert asking.chat("t3", ignore_service_log="true").status_code == 200
    assert asking.chat("t4").status_code == 200
    asking.row("t4")
    assert asking.admin("GET", "/logs?trace_id=t3")["data"] == []


def test_content_is_kept_for_the_keys_that_say_so_streamed_or_not_and_without_secrets(asking: Asking) -> None:
    body = {"name": "k", "log_content": True, "scopes": ["completions.write"]}
    key = asking.admin("POST", "/api-keys/workspace/service", body)["key"]
    assert asking.chat("t5", api_key=key).status_code == 200
    assert asking.chat("t6", {**ASK, "stream": True}, api_key=key).status_code == 200
    assert asking.chat("t7", api_key=key, debug="false").status_code == 200
    whole, stream, off = asking.row("t5"), asking.row("t6"), asking.row("t7")
    assert whole["request"]["body"]["messages"][0]["content"] == "Hello, I am [redacted]!"
    assert whole["response"]["body"]["object"] == "chat.completion"
    assert stream["response"]["body"].endswith("data: [DONE]\n\n")
    assert (off["has_content"], off["request"]["body"]) == (False, None)
    for told in (whole, stream, off):
        assert SECRET not in json.dumps(told)
        assert key not in json.dumps(told)
        assert told["metrics"]["api_key_name"] == "k"


def test_a_workspace_keeps_content_and_a_key_says_otherwise(asking: Asking) -> None:
    (workspace,) = asking.admin("GET", "/admin/workspaces")["data"]
    asking.admin("PUT", f"/admin/workspaces/{workspace['id']}", {"settings": {"debug_log": 1}})
    assert asking.admin("GET", f"/admin/workspaces/{workspace['id']}")["settings"] == {"debug_log": 1}
    keys = {}
    for name, more in (("plain", {}), ("silent", {"log_content": False})):
        body = {"name": name, "scopes": ["completions.write"], **more}
        keys[name] = asking.admin("POST", "/api-keys/workspace/service", body)["key"]
    asking.chat("t8", api_key=keys["plain"])
    asking.chat("t9", api_key=keys["silent"])
    assert (asking.row("t8")["has_content"], asking.row("t9")["has_content"]) == (True, False)


def test_nobody_without_a_key_fills_the_log(asking: Asking) -> None:
    key = asking.admin("POST", "/api-keys/workspace/service", {"name": "k", "scopes": ["completions.write"]})["key"]
    assert asking.chat("t10").status_code == 401
    assert asking.chat("t11", api_key=key).status_code == 200
    asking.row("t11")
    assert asking.admin("GET", "/logs?trace_id=t10")["data"] == []


def overview(asking: Asking) -> Any:
    span = "time_of_generation_min=2020-01-01T00:00:00Z&time_of_generation_max=2029-01-01T00:00:00Z"
    return asking.admin("GET", f"/analytics/summary/overview?{span}")["summary"]


def test_a_stream_that_broke_off_is_a_failure_wherever_requests_are_counted(asking: Asking) -> None:
    assert asking.chat("b1", {**ASK, "model": "echo-cut"}).status_code == 502
    answer = asking.chat("b2", {**ASK, "model": "echo-cut", "stream": True})
    assert (answer.status_code, "upstream_truncated" in answer.text) == (200, True)
    whole, stream = asking.row("b1"), asking.row("b2")
    assert (whole["response"]["status"], stream["response"]["status"]) == (502, 200)
    for metrics in (whole["metrics"], stream["metrics"]):
        told = metrics["response_status_code"], metrics["is_success"], metrics["error"]
        assert told == (502, False, "upstream_truncated")
    failed = asking.admin("GET", "/logs?is_success=false&status_code=5xx")["data"]
    assert {each["trace_id"] for each in failed} == {"b1", "b2"}
    assert (overview(asking)["requests"], overview(asking)["errors"]) == (2, 2)


def test_a_denial_that_is_told_as_an_answer_is_a_denial_in_the_log(asking: Asking) -> None:
    denies = {"default.contains": {"words": ["Hello"], "operator": "none"}, "deny": True, "soft_deny_200": True}
    guarded = json.dumps({"provider": "echo", "input_guardrails": [denies]})
    assert asking.chat("d1", config=guarded).status_code == 200
    told = asking.row("d1")
    metrics = told["metrics"]
    assert (metrics["response_status_code"], metrics["error"], metrics["is_success"]) == (446, "hooks_failed", False)
    assert told["response"]["status"] == 200


def test_a_refused_request_is_found_by_what_it_named(asking: Asking) -> None:
    made = asking.admin("POST", "/api-keys/workspace/service", {"name": "k", "scopes": ["completions.write"],
                        "rate_limits": [{"type": "requests", "unit": "rpm", "value": 1}]})  # fmt: skip
    key, named = made["key"], {**ASK, "model": "some-model"}
    assert asking.chat("r0", api_key=key).status_code == 200
    assert asking.chat("r1", named, api_key=key).status_code == 429
    another = asking.admin("POST", "/api-keys/workspace/service", {"name": "l", "scopes": ["completions.write"]})["key"]
    denies = {"default.contains": {"words": ["Hello"], "operator": "none"}, "deny": True}
    guarded = json.dumps({"provider": "echo", "input_guardrails": [denies]})
    assert asking.chat("r2", named, api_key=another, config=guarded).status_code == 446
    assert asking.chat("r3", named, api_key=another, provider="openai").status_code == 401
    assert asking.chat("r4", named, api_key=another, provider="openai", config="no-such-config").status_code == 400
    assert asking.chat("r5", named, api_key=another, provider="nobody-knows").status_code == 400
    rows = {trace: asking.row(trace)["metrics"] for trace in ("r1", "r2", "r3", "r4", "r5")}
    assert {metrics["ai_model"] for metrics in rows.values()} == {"some-model"}
    providers = {trace: metrics["ai_org"] for trace, metrics in rows.items()}
    assert providers == {"r1": "echo", "r2": "echo", "r3": "openai", "r4": "openai", "r5": None}
    found = asking.admin("GET", "/logs?models=some-model&providers=echo&status_code=429")["data"]
    assert [each["trace_id"] for each in found] == ["r1"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_kill_loses_no_request_whose_answer_had_ended(tmp_path: Path, workers: int) -> None:
    arguments = ("--workers", str(workers))
    environment: dict[str, Any] = {
        "PENSTOCK_STORE_DATABASE": f"sqlite:///{tmp_path / 'penstock.db'}",
        "PENSTOCK_ACCESS_LOG": "false",
    }
    answered: list[str] = []

    def ask(port: int, first: int) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=300)) as connection:
            for number in range(first, first + 100_000):
                headers = {"content-type": "application/json", "x-portkey-provider": "echo"}
                headers["x-portkey-trace-id"] = f"t{number}"
                try:
                    connection.request("POST", "/v1/chat/completions", json.dumps(ASK), headers)
                    answer = connection.getresponse()
                    answer.read()
                except (OSError, http.client.HTTPException):
                    return
                if answer.status == 200:
                    answered.append(f"t{number}")

    with serving(tmp_path, *arguments, group=True, **environment) as running:
        callers = [threading.Thread(target=ask, args=(running.port, 1_000_000 * each)) for each in range(2)]
        for caller in callers:
            caller.start()
        until(lambda: len(answered) > 300)
        os.killpg(running.process.pid, signal.SIGKILL)
        for caller in callers:
            caller.join()
    # The caller may have an answer whose account the gateway had no time to close: the last one of each connection.
    settled = set(answered) - {max((t for t in answered if int(t[1:]) // 1_000_000 == each), key=lambda t: int(t[1:]))
                               for each in range(2)}  # fmt: skip

    def rows() -> set[str]:
        with closing(sqlite3.connect(tmp_path / "penstock.db")) as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'request_log'").fetchone():
                return set()  # nothing was written before the kill
            return {row[0] for row in database.execute("SELECT trace_id FROM request_log")}

    with serving(tmp_path, *arguments, **environment):
        until(lambda: settled <= rows())
    with closing(sqlite3.connect(tmp_path / "penstock.db")) as database:
        (kept,) = database.execute("SELECT count(*) FROM request_log").fetchone()
        (counted,) = database.execute("SELECT sum(requests) FROM usage_day").fetchone()
    assert kept == counted
