"""/metrics through the real server: what is counted, who may read it, both formats, several workers."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from penstock.server.pages.own_port import OwnPort
from penstock.settings import Settings
from penstock.settings.metrics import Metrics
from penstock.settings.store import Store
from running import RunningGateway, running_gateway
from serving import Serving, serving, until

ADMIN: Final = "an-admin-key-of-the-environment"
KEY: Final = "the-key-of-an-application"
KEYS: Final = f"""
[keys.app]
hash = "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"
usage_limits = {{ type = "tokens", credit_limit = 1000000 }}
"""
OPEN_METRICS: Final = "application/openmetrics-text; version=1.0.0"
PROMTOOL: Final = shutil.which("promtool")


def chat(url: str, model: str = "echo", **headers: str) -> int:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello!"}]}
    fields = {"x-portkey-provider": "echo", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return httpx.post(f"{url}/v1/chat/completions", json=body, headers=fields, timeout=300).status_code


def scrape(url: str, **headers: str) -> dict[str, float]:
    """The samples of the page by name and labels."""
    answer = httpx.get(f"{url}/metrics", headers=headers, timeout=300)
    assert answer.status_code == 200
    return samples(answer.text)


def samples(text: str) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in text.rstrip("\n").split("\n") if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def total(page: Mapping[str, float], name: str) -> float:
    return sum(value for each, value in page.items() if each.partition("{")[0] == name)


@contextlib.contextmanager
def gateway(tmp_path: Path, toml: str = "", *, asgi: bool = False, **metrics: Any) -> Iterator[RunningGateway]:
    settings = Settings(store=Store(data_dir=str(tmp_path / "data")), metrics=Metrics(**metrics))
    file = tmp_path / "penstock.toml"
    file.write_text(toml)
    with running_gateway(settings, file, asgi=asgi) as running:
        yield running


def test_who_repeats_a_request_is_counted_so(tmp_path: Path) -> None:
    """By metrics and by the request log: the answer's header says how the first one was found."""
    with gateway(tmp_path) as running:
        for _ in range(2):
            assert chat(running.url, idempotency_key="once") == 200
        page = scrape(running.url)
        assert [record.cache for record in running.recorded()] == [None, "REPLAYED"]
    assert page['penstock_cache_requests_total{result="replayed"}'] == 1
    assert total(page, "penstock_attempts_total") == 1


@pytest.mark.parametrize("asgi", [False, True])
def test_requests_are_on_the_page_that_is_asked_for_next(tmp_path: Path, asgi: bool) -> None:
    with gateway(tmp_path, asgi=asgi, metadata=("team",)) as running:
        for _ in range(3):
            assert chat(running.url, x_portkey_metadata='{"team": "red", "user": "somebody"}') == 200
        assert chat(running.url, x_portkey_provider="no-such-provider") == 400
        page = scrape(running.url)
    labels = 'operation="chat.completions",provider="echo",model="echo",status="2xx"'
    assert page[f"penstock_requests_total{{{labels}}}"] == 3
    assert page['penstock_errors_total{error="unknown_provider",fault="client",provider="none"}'] == 1
    assert page['penstock_request_duration_seconds_count{operation="chat.completions",stream="false"}'] == 4
    assert page['penstock_attempts_total{provider="echo",model="echo",status="2xx"}'] == 3
    assert page['penstock_tokens_total{provider="echo",model="echo",class="input"}'] > 0
    assert page['penstock_metadata_requests_total{name="team",value="red"}'] == 3
    assert page['penstock_pool_connections{state="idle"}'] == 0
    assert page['penstock_circuits{state="open"}'] == 0
    assert page["penstock_workers"] == 1
    assert page['process_resident_memory_bytes{worker="0"}'] > 1 << 20
    assert not [name for name in page if "somebody" in name]


def test_both_formats_and_head(tmp_path: Path) -> None:
    with gateway(tmp_path) as running:
        text, opened = (
            httpx.get(f"{running.url}/metrics", timeout=300),
            httpx.get(f"{running.url}/metrics", headers={"accept": OPEN_METRICS}, timeout=300),
        )
        head, wrong = httpx.head(f"{running.url}/metrics"), httpx.post(f"{running.url}/metrics", timeout=300)
    assert text.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert opened.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert opened.text.endswith("\n# EOF\n")
    assert (head.status_code, head.content) == (200, b"")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")


needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian's package prometheus) is not installed")


def check(page: bytes) -> None:
    """What promtool says of a page: nothing."""
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=page, capture_output=True, timeout=300, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@needs_promtool
def test_promtool_accepts_the_page(tmp_path: Path) -> None:
    with gateway(tmp_path, KEYS, open=True) as running:
        assert chat(running.url, 'odd "model"\\', x_portkey_api_key=KEY) == 200
        check(httpx.get(f"{running.url}/metrics", timeout=300).content)


@needs_promtool
def test_promtool_accepts_the_page_of_two_workers(tmp_path: Path) -> None:
    """With series that one of them has alone, and odd values of labels from both."""
    environment: dict[str, Any] = {"PENSTOCK_STORE_DATA_DIR": str(tmp_path), "PENSTOCK_METRICS_METADATA": "team"}
    with serving(tmp_path, "--workers", "2", **environment) as process:
        until(lambda: served_by(process, "penstock_workers") == 2)
        url = f"http://127.0.0.1:{process.port}"
        for number in range(20):  # each on a connection of its own, which either worker may take
            odd = f'm{number % 3} "\\\n\u2028\u00e9'
            assert chat(url, odd, x_portkey_metadata='{"team": "a\\n\\"b\\\\"}') == 200
            assert chat(url, x_portkey_provider="no-such-provider") == 400
        until(lambda: served_by(process, "penstock_requests_total") == 40)
        check(httpx.get(f"{url}/metrics", timeout=300).content)


def test_with_gateway_keys_the_page_needs_an_admin_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_ADMIN_KEY", ADMIN)
    with gateway(tmp_path, KEYS) as running:
        assert chat(running.url, x_portkey_api_key=KEY) == 200

        def status(**headers: str) -> int:
            return httpx.get(f"{running.url}/metrics", headers=headers, timeout=300).status_code

        def made(name: str, kind: str, scope: str) -> str:
            body = {"name": name, "type": kind, "sub-type": "service", "scopes": [scope]}
            answer = httpx.post(
                f"{running.v1}/api-keys/{kind}/service", json=body, headers={"x-portkey-api-key": ADMIN}, timeout=60
            )
            assert answer.status_code == 200, answer.text
            return f"Bearer {answer.json()['key']}"

        assert status() == 401
        assert status(authorization="Bearer unknown") == 401
        assert status(authorization=f"Bearer {KEY}") == 403
        assert status(authorization=made("viewer", "organisation", "analytics.view")) == 200
        assert status(authorization=made("lister", "organisation", "configs.list")) == 403
        assert status(authorization=made("team", "workspace", "analytics.view")) == 403
        page = scrape(running.url, authorization=f"bearer {ADMIN}")
        assert scrape(running.url, **{"x-portkey-api-key": ADMIN})
    assert page['penstock_key_requests_total{key="app"}'] == 1
    left = [value for name, value in page.items() if name.startswith("penstock_budget_left{") and 'owner="app"' in name]
    assert len(left) == 1
    assert 0 < left[0] < 1_000_000
    assert total(page, "penstock_errors_total") == 5  # refusals are requests; pages are not


def test_without_a_database_only_the_environment_s_key_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_ADMIN_KEY", ADMIN)
    file = tmp_path / "penstock.toml"
    file.write_text(KEYS)
    with running_gateway(Settings(store=Store(database="none")), file) as running:
        refused = httpx.get(f"{running.url}/metrics", headers={"authorization": f"Bearer {KEY}"}, timeout=300)
        assert refused.status_code == 401
        assert "PENSTOCK_ADMIN_KEY" in refused.json()["error"]["message"]
        assert scrape(running.url, authorization=f"Bearer {ADMIN}")


def test_a_web_page_can_not_read_it(tmp_path: Path) -> None:
    with gateway(tmp_path) as running:
        for headers in ({"host": "evil.example"}, {"origin": "https://evil.example"}):
            assert httpx.get(f"{running.url}/metrics", headers=headers, timeout=300).status_code == 403


def test_switched_off_there_is_no_page(tmp_path: Path) -> None:
    with gateway(tmp_path, enabled=False) as running:
        assert httpx.get(f"{running.url}/metrics", timeout=300).status_code == 404


def test_a_port_of_its_own(tmp_path: Path) -> None:
    with gateway(tmp_path, KEYS, listen="0") as running:
        (part,) = (part for part in running.app._parts if isinstance(part, OwnPort))
        own = f"http://127.0.0.1:{part.port}"
        assert chat(running.url, x_portkey_api_key=KEY) == 200
        assert scrape(own)['penstock_key_requests_total{key="app"}'] == 1
        assert httpx.get(f"{own}/other", timeout=300).status_code == 404
        assert httpx.post(f"{own}/metrics", timeout=300).status_code == 405
        assert httpx.get(f"{own}/metrics", headers={"host": "evil.example"}, timeout=300).status_code == 403
        assert httpx.get(f"{running.url}/metrics", timeout=300).status_code == 404


def test_names_that_callers_choose_do_not_grow_the_page(tmp_path: Path) -> None:
    with gateway(tmp_path, max_values=2, metadata=("team",)) as running, httpx.Client(timeout=300) as client:
        for number in range(30):
            answer = client.post(
                f"{running.v1}/chat/completions",
                json={"model": f"model-{number}", "messages": [{"role": "user", "content": "Hello!"}]},
                headers={"x-portkey-provider": "echo", "x-portkey-metadata": f'{{"team": "{number}"}}'},
            )
            assert answer.status_code == 200
        page = scrape(running.url)
    assert len([name for name in page if name.startswith("penstock_requests_total{")]) == 3
    assert page['penstock_metadata_requests_total{name="team",value="other"}'] == 28


def served_by(process: Serving, name: str) -> float:
    return total(scrape(f"http://127.0.0.1:{process.port}"), name)


@pytest.mark.parametrize("workers", [1, 2])
def test_one_answer_for_all_workers(tmp_path: Path, workers: int) -> None:
    with serving(tmp_path, "--workers", str(workers), PENSTOCK_STORE_DATA_DIR=str(tmp_path)) as process:
        until(lambda: served_by(process, "penstock_workers") == workers)
        url = f"http://127.0.0.1:{process.port}"
        for _ in range(40):
            assert chat(url) == 200
        # A worker that has no turn of the processor for a second adds what it has counted later.
        until(lambda: served_by(process, "penstock_requests_total") == 40)
        for _ in range(4):
            assert served_by(process, "penstock_requests_total") == 40
        if workers == 1:
            return
        before = process_starts(url)
        os.kill(process.workers()[0], signal.SIGKILL)
        until(lambda: len(process_starts(url) - before) == 1 and served_by(process, "penstock_workers") == 2)
        assert chat(url) == 200
        until(lambda: served_by(process, "penstock_requests_total") == 41)
        folders = set(re.findall(r"/dev/shm/penstock-metrics-\w+", maps_of(process.workers()[0])))  # noqa: S108
        process.process.send_signal(signal.SIGTERM)
        assert process.process.wait(300) == 0
        assert not [folder for folder in folders if Path(folder).exists()]


def process_starts(url: str) -> set[tuple[str, float]]:
    return {pair for pair in scrape(url).items() if pair[0].startswith("process_start_time_seconds")}


def maps_of(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text("utf-8")
