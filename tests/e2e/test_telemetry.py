"""OpenTelemetry through the real server: spans and metrics at a receiver that decodes them with the official types."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from penstock.settings import Settings
from penstock.settings.logs import Logs
from penstock.settings.store import Store
from penstock.settings.telemetry import Telemetry
from receiving import METRICS, Span, attributes_of, rejecting, running_receiver, telemetry
from running import RunningGateway, running_gateway
from serving import serving, until
from upstream import (
    CHUNK,
    DONE,
    FINISH,
    Act,
    Upstream,
    events,
    hang_up,
    held,
    refusing_port,
    reply,
    running_upstream,
)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Who am I?"}], "temperature": 0.5, "stop": ["."]}


@contextlib.contextmanager
def gateway(tmp_path: Path, settings: Telemetry, toml: str = "") -> Iterator[RunningGateway]:
    file = tmp_path / "penstock.toml"
    file.write_text(toml)
    every = Settings(store=Store(data_dir=str(tmp_path / "data")), telemetry=settings)
    with running_gateway(every, file, sleep=_at_once) as running:
        yield running


async def _at_once(_: float) -> None:
    pass


def chat(running: RunningGateway, provider: Upstream | None = None, **headers: str) -> httpx.Response:
    where = {"x-portkey-provider": "echo"}
    if provider is not None:
        where = {
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"{provider.url}/v1",
            "authorization": "Bearer k",
        }
    fields = {**where, **{name.replace("_", "-"): value for name, value in headers.items()}}
    stream = fields.pop("stream", "") == "yes"
    return httpx.post(f"{running.v1}/chat/completions", json={**BODY, "stream": stream}, headers=fields, timeout=300)


def ask(running: RunningGateway, provider: Upstream, *headers: tuple[bytes, bytes]) -> httpx.Response:
    """A chat with headers of which several may have one name."""
    where = [
        (b"x-portkey-provider", b"openai"),
        (b"x-portkey-custom-host", f"{provider.url}/v1".encode()),
        (b"authorization", b"Bearer k"),
    ]
    answer = httpx.post(f"{running.v1}/chat/completions", json=BODY, headers=[*where, *headers], timeout=300)
    assert answer.status_code == 200
    return answer


def one_request(spans: list[Span]) -> tuple[Span, list[Span]]:
    """The request's span and those of its attempts."""
    (own,) = [span for span in spans if span.message.kind == 2]
    attempts = [span for span in spans if span.message.kind == 3]
    assert {span.parent for span in attempts} <= {own.span_id}
    assert {span.trace_id for span in spans} == {own.trace_id}
    return own, attempts


def test_a_request_and_its_attempt_are_spans_of_one_trace(tmp_path: Path) -> None:
    resource = ("deployment.environment.name=test",)
    with (
        running_receiver() as receiver,
        running_upstream() as provider,
        gateway(tmp_path, telemetry(receiver, resource=resource)) as running,
    ):
        answer = chat(running, provider, x_portkey_metadata='{"_user": "u-1", "team": "red"}')
        spans = receiver.wait_for_spans(2)
    own, (attempt,) = one_request(spans)
    assert own.trace_id == answer.headers["x-portkey-trace-id"]
    assert (own.name, own.parent, own.message.status.code) == ("chat.completions", "", 0)
    assert own.attributes["http.response.status_code"] == 200
    assert (own.attributes["url.scheme"], own.attributes["url.path"]) == ("http", "/v1/chat/completions")
    assert own.attributes["user.id"] == attempt.attributes["user.id"] == "u-1"
    assert own.attributes["penstock.metadata.team"] == "red"
    assert own.resource["service.name"] == "penstock"
    assert own.resource["deployment.environment.name"] == "test"
    assert attempt.name == "chat gpt-4o"
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.stop_sequences": ["."],
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 1,
    }
    assert {name: attempt.attributes[name] for name in expected} == expected
    assert attempt.attributes["gen_ai.usage.cost"] == pytest.approx(3 * 2.5e-6 + 1e-5)
    assert 0 < attempt.seconds <= own.seconds < 60
    assert "gen_ai.usage.input_tokens" not in own.attributes
    assert not [span for span in spans if "Who am I?" in str(span.message) or "Bearer" in str(span.message)]
    assert "traceparent" not in provider.last.headers


def test_each_attempt_is_a_span(tmp_path: Path) -> None:
    with running_receiver() as receiver, running_upstream() as provider:
        provider.play(reply(500, b"{}"))
        provider.play(hang_up)
        with gateway(tmp_path, telemetry(receiver, propagate=True)) as running:
            config = '{"retry": {"attempts": 2}}'
            assert chat(running, provider, x_portkey_config=config).status_code == 200
            own, attempts = one_request(receiver.wait_for_spans(4))
    assert [attempt.message.status.code for attempt in attempts] == [2, 2, 0]
    assert attempts[0].attributes["error.type"] == "upstream_status"
    assert attempts[0].attributes["http.response.status_code"] == 500
    assert [attempt.attributes["penstock.attempt"] for attempt in attempts] == [1, 2, 3]
    told = [request.headers["traceparent"] for request in provider.received]
    assert told == [f"00-{own.trace_id}-{attempt.span_id}-01" for attempt in attempts]


def test_a_stream_tells_its_first_chunk(tmp_path: Path) -> None:
    with running_receiver() as receiver, running_upstream() as provider:
        provider.play(events(CHUNK, FINISH, DONE))
        with gateway(tmp_path, telemetry(receiver)) as running:
            assert chat(running, provider, stream="yes").status_code == 200
            _, (attempt,) = one_request(receiver.wait_for_spans(2))
    assert attempt.attributes["gen_ai.request.stream"] is True
    assert 0 < attempt.attributes["gen_ai.response.time_to_first_chunk"] <= attempt.seconds


def test_the_callers_trace_goes_on(tmp_path: Path) -> None:
    settings = {"propagate": True, "baggage": ("session.id",), "sample_ratio": 0.0}
    headers = {"tracestate": "a=1, b=2", "baggage": "session.id=s%201;p=1,secret=hidden"}
    with (
        running_receiver() as receiver,
        running_upstream() as provider,
        gateway(tmp_path, telemetry(receiver, **settings)) as running,
    ):
        answer = chat(running, provider, traceparent=PARENT, **headers)
        own, (attempt,) = one_request(receiver.wait_for_spans(2))
    assert answer.headers["x-portkey-trace-id"] == TRACE
    assert (own.trace_id, own.parent, own.message.flags) == (TRACE, SPAN, 0x301)
    assert own.message.trace_state == "a=1,b=2"
    assert own.attributes["session.id"] == attempt.attributes["session.id"] == "s 1"
    told = provider.last.headers
    assert told["traceparent"] == f"00-{TRACE}-{attempt.span_id}-01"
    assert (told["tracestate"], told["baggage"]) == ("a=1,b=2", "session.id=s%201")


@pytest.mark.parametrize(
    "parents",
    [
        ["ff" + PARENT[2:]], [PARENT.upper()], [PARENT + "-00"], [PARENT[:-1]], [PARENT.replace("-", "_")], [""],
        [f"00-{'0' * 32}-{SPAN}-01"], [f"00-{TRACE}-{'0' * 16}-01"], ["x" * 4000], [PARENT, PARENT], ["\xff"],
    ],
)  # fmt: skip
def test_a_parent_that_is_none_begins_no_trace(tmp_path: Path, parents: list[str]) -> None:
    """The state of such a parent belongs to nobody, and the provider gets the headers of a new trace."""
    with (
        running_receiver() as receiver,
        running_upstream() as provider,
        gateway(tmp_path, telemetry(receiver, propagate=True)) as running,
    ):
        headers = [(b"traceparent", parent.encode("latin-1")) for parent in parents]
        answer = ask(running, provider, *headers, (b"tracestate", b"a=1"))
        own, (attempt,) = one_request(receiver.wait_for_spans(2))
    assert (own.parent, own.message.trace_state) == ("", "")
    assert own.trace_id == answer.headers["x-portkey-trace-id"] != TRACE
    told = provider.last.headers
    assert told["traceparent"] == f"00-{own.trace_id}-{attempt.span_id}-01"
    assert "tracestate" not in told


@pytest.mark.parametrize(
    ("states", "kept"),
    [
        (["a=1", "", "b=2"], "a=1,b=2"),
        (["a=1,A=2"], ""),
        (["a=1, ,t@s= x=y"], ""),
        ([",".join(f"k{number}=1" for number in range(33))], ""),
    ],
)
def test_the_state_of_a_parent_goes_on_if_it_is_one(tmp_path: Path, states: list[str], kept: str) -> None:
    with (
        running_receiver() as receiver,
        running_upstream() as provider,
        gateway(tmp_path, telemetry(receiver, propagate=True)) as running,
    ):
        ask(running, provider, (b"traceparent", PARENT.encode()), *[(b"tracestate", each.encode()) for each in states])
        own, _ = one_request(receiver.wait_for_spans(2))
    assert (own.trace_id, own.message.trace_state) == (TRACE, kept)
    assert provider.last.headers.get("tracestate", "") == kept


@pytest.mark.parametrize(
    ("baggage", "kept"),
    [
        ([b"user.id=a", b"session.id=b"], {"user.id": "a", "session.id": "b"}),
        ([b"user.id"], {}),
        ([b"=a,,;=,user.id==b=;session.id"], {"user.id": "=b="}),
        ([b"user.id=%ff%F0%zz%"], {"user.id": "\ufffd\ufffd%zz%"}),
        ([b"session.id=\xc3\xa9,user.id=" + b"x" * 9000], {}),
        ([b"other=1," * 70 + b"user.id=late"], {}),
    ],
)
def test_baggage_costs_no_request(tmp_path: Path, baggage: list[bytes], kept: dict[str, str]) -> None:
    with (
        running_receiver() as receiver,
        running_upstream() as provider,
        gateway(tmp_path, telemetry(receiver, propagate=True, baggage=("user.id", "session.id"))) as running,
    ):
        ask(running, provider, *[(b"baggage", each) for each in baggage])
        own, _ = one_request(receiver.wait_for_spans(2))
    assert {name: own.attributes[name] for name in ("user.id", "session.id") if name in own.attributes} == kept
    told = provider.last.headers.get("baggage", "")
    assert {
        name: unquote(value) for name, _, value in (each.partition("=") for each in told.split(",") if each)
    } == kept


def test_what_is_not_sampled_is_not_sent(tmp_path: Path) -> None:
    with running_receiver() as receiver, running_upstream() as provider:
        with gateway(tmp_path, telemetry(receiver, propagate=True)) as running:
            assert chat(running, provider, traceparent=PARENT[:-1] + "0").status_code == 200
            assert provider.last.headers["traceparent"][-3:] == "-00"
            assert chat(running, provider).status_code == 200
            spans = receiver.wait_for_spans(2)
        assert TRACE not in {span.trace_id for span in receiver.spans()}
    assert len(spans) == 2


def test_requests_with_one_trace_id_of_their_own_share_a_trace(tmp_path: Path) -> None:
    with running_receiver() as receiver, gateway(tmp_path, telemetry(receiver)) as running:
        for _ in range(2):
            assert chat(running, x_portkey_trace_id="order 7").headers["x-portkey-trace-id"] == "order 7"
        spans = receiver.wait_for_spans(4)
    assert len({span.trace_id for span in spans}) == 1
    assert spans[0].attributes["penstock.trace_id"] == "order 7"


def test_names_of_an_older_version(tmp_path: Path) -> None:
    with running_receiver() as receiver, gateway(tmp_path, telemetry(receiver, conventions="1.36")) as running:
        assert chat(running, stream="yes").status_code == 200
        _, (attempt,) = one_request(receiver.wait_for_spans(2))
    assert attempt.attributes["gen_ai.system"] == "echo"
    assert "gen_ai.provider.name" not in attempt.attributes
    assert "gen_ai.request.stream" not in attempt.attributes
    assert attempt.schema == "https://opentelemetry.io/schemas/1.36.0"


def test_langfuse(tmp_path: Path) -> None:
    """As docs/telemetry.md#langfuse has it."""
    token = base64.b64encode(b"pk-lf-1:sk-lf-2").decode()
    with running_receiver("/api/public/otel") as receiver:
        settings = telemetry(receiver, headers=(f"authorization=Basic {token}", "x-langfuse-ingestion-version=4"))
        with gateway(tmp_path, settings) as running:
            assert chat(running).status_code == 200
            receiver.wait_for_spans(2)
        (request,) = receiver.requests()
    assert request.target == "/api/public/otel/v1/traces"
    assert request.headers["authorization"] == f"Basic {token}"
    assert request.headers["x-langfuse-ingestion-version"] == "4"


def health(running: RunningGateway) -> dict[str, Any]:
    told: dict[str, Any] = httpx.get(f"{running.url}/health", timeout=300).json()
    return told


def lost(running: RunningGateway, why: str) -> float:
    name = f'penstock_telemetry_lost_total{{signal="spans",why="{why}"}} '
    page = httpx.get(f"{running.url}/metrics", timeout=300).text
    return sum(float(line.removeprefix(name)) for line in page.splitlines() if line.startswith(name))


def is_lost(running: RunningGateway, spans: int) -> bool:
    return lost(running, "unreachable") == spans


def test_a_receiver_that_is_busy_is_tried_again(tmp_path: Path) -> None:
    with running_receiver() as receiver:
        receiver.play(reply(429, b"", retry_after="0"))
        receiver.play(reply(503, b"", retry_after="0"))
        receiver.play(hang_up)
        with gateway(tmp_path, telemetry(receiver)) as running:
            assert chat(running).status_code == 200
            until(lambda: len(receiver.requests()) >= 4)
            until(lambda: health(running)["status"] == "ok")
            assert lost(running, "unreachable") == lost(running, "refused") == 0
        bodies = {request.body for request in receiver.requests()}
    assert len(bodies) == 1


def test_what_a_receiver_refuses_is_counted(tmp_path: Path) -> None:
    with running_receiver() as receiver, gateway(tmp_path, telemetry(receiver)) as running:
        receiver.play(reply(400, b"no"))
        assert chat(running).status_code == 200
        until(lambda: lost(running, "refused") == 2)
        assert health(running) | {"state": None} == {
            "status": "degraded", "telemetry": "lost", "telemetry_lost": 2, "state": None,
        }  # fmt: skip
        receiver.play(rejecting(1, "too old"))
        assert chat(running).status_code == 200
        until(lambda: lost(running, "rejected") == 1)
        assert health(running)["status"] == "ok"
        assert health(running)["telemetry_lost"] == 3
        assert len(receiver.requests()) == 2


def test_a_receiver_that_asks_for_a_long_pause_is_left_alone(tmp_path: Path) -> None:
    """Batches that can't wait so long are lost, and counted, without asking it again."""
    with running_receiver() as receiver, gateway(tmp_path, telemetry(receiver, retry_seconds=1.0)) as running:
        receiver.play(reply(429, b"", retry_after="Wed, 21 Oct 2099 07:28:00 GMT"))
        for number in range(1, 4):
            assert chat(running).status_code == 200
            until(partial(is_lost, running, 2 * number))
        assert health(running)["telemetry"] == "lost"
        assert len(receiver.requests()) == 1


def test_a_batch_that_is_too_large_is_sent_in_parts(tmp_path: Path) -> None:
    """Until a part is small enough. A single span that is too large is lost alone."""
    with running_receiver() as receiver:
        for status in (413, 413, 413):  # the whole, its first half, and the first span of that
            receiver.play(reply(status, b"too large"))
        with gateway(tmp_path, telemetry(receiver, interval=3600.0)) as running:
            for _ in range(2):
                assert chat(running).status_code == 200
        sizes = [len(receiver.spans([request])) for request in receiver.requests()]
        assert sizes == [4, 2, 1, 1, 2]
        taken = [span for request in receiver.requests()[3:] for span in receiver.spans([request])]
    assert len({span.span_id for span in taken}) == 3


@pytest.mark.parametrize(
    "answer",
    [
        rejecting(0, "this name is old"),
        reply(200, b"\xff\xff not a message"),
        reply(200, b"x" * 100_000),
        reply(202, b""),
    ],
)
def test_an_answer_that_rejects_nothing_loses_nothing(tmp_path: Path, answer: Act) -> None:
    with running_receiver() as receiver, gateway(tmp_path, telemetry(receiver)) as running:
        receiver.play(answer)
        assert chat(running).status_code == 200
        receiver.wait_for_spans(2)
        assert chat(running).status_code == 200
        receiver.wait_for_spans(4)
        assert health(running).get("telemetry_lost", 0) == 0


def test_a_receiver_that_does_not_answer_in_time_is_asked_again(tmp_path: Path) -> None:
    release, arrived = threading.Event(), threading.Event()
    with running_receiver() as receiver:
        receiver.play(held(release, arrived))
        with gateway(tmp_path, telemetry(receiver, timeout=0.3)) as running:
            assert chat(running).status_code == 200
            assert arrived.wait(300)
            until(lambda: len(receiver.requests()) >= 2)
            release.set()
            until(lambda: health(running)["status"] == "ok")
            assert lost(running, "unreachable") == 0
        assert len({request.body for request in receiver.requests()}) == 1


def test_a_receiver_that_is_down_costs_no_request(tmp_path: Path) -> None:
    with refusing_port() as port:
        settings = Telemetry(endpoint=f"http://127.0.0.1:{port}", interval=0.1, retry_seconds=0.0, flush_seconds=1)
        with gateway(tmp_path, settings) as running:
            assert chat(running).status_code == 200
            until(lambda: lost(running, "unreachable") == 2)
            assert health(running)["telemetry"] == "lost"


def test_a_slow_receiver_loses_what_its_queue_cannot_hold(tmp_path: Path) -> None:
    release, arrived = threading.Event(), threading.Event()
    with running_receiver() as receiver:
        receiver.play(held(release, arrived), reply())
        with gateway(tmp_path, telemetry(receiver, queue_size=3)) as running:
            assert chat(running).status_code == 200
            assert arrived.wait(300)
            for _ in range(5):
                assert chat(running).status_code == 200
            page = httpx.get(f"{running.url}/metrics", timeout=300).text
            assert 'penstock_records_lost_total{reader="spans"} 2' in page
            release.set()
            assert len({span.trace_id for span in receiver.wait_for_spans(8)}) == 4


def test_the_rest_is_sent_when_the_gateway_stops(tmp_path: Path) -> None:
    with running_receiver() as receiver:
        with gateway(tmp_path, telemetry(receiver, interval=3600.0, metrics=True, metrics_interval=3600.0)) as running:
            assert chat(running).status_code == 200
            assert not receiver.upstream.received
        assert len(receiver.spans()) == 2
        requests = receiver.metrics()["penstock_requests"]
    (point,) = requests.sum.data_points
    assert (requests.sum.is_monotonic, requests.sum.aggregation_temporality, point.as_double) == (True, 2, 1)


@pytest.mark.parametrize(
    ("conventions", "provider", "first_chunks"),
    [("latest", "gen_ai.provider.name", 1), ("1.36", "gen_ai.system", None)],
)
def test_calls_of_models_have_the_conventions_metrics(
    tmp_path: Path, conventions: Any, provider: str, first_chunks: int | None
) -> None:
    with running_receiver() as receiver:
        settings = telemetry(receiver, metrics=True, metrics_interval=3600.0, conventions=conventions)
        with gateway(tmp_path, settings) as running:
            assert chat(running).status_code == chat(running, stream="yes").status_code == 200
            page = httpx.get(f"{running.url}/metrics", timeout=300).text
        metrics = receiver.metrics()
    assert "gen_ai" not in page
    own = {name: metric for name, metric in metrics.items() if name.startswith("gen_ai.")}
    labels = {"gen_ai.operation.name": "chat", provider: "echo", "gen_ai.request.model": "gpt-4o"}
    calls = "operation" if conventions == "1.36" else "inference"
    (duration,) = own[f"gen_ai.client.{calls}.duration"].histogram.data_points
    assert (attributes_of(duration), duration.count) == (labels, 2)
    if conventions == "1.36":
        tokens = own["gen_ai.client.token.usage"]
        kinds = {attributes_of(point)["gen_ai.token.type"]: point for point in tokens.histogram.data_points}
        assert kinds.keys() == {"input", "output"}
        point = kinds["input"]
    else:
        tokens = own["gen_ai.client.inference.operation.input_tokens"]
        (point,) = tokens.histogram.data_points
        (total,) = own["gen_ai.client.inference.usage.input_tokens"].sum.data_points
        assert (attributes_of(point), attributes_of(total), total.as_double) == (labels, labels, point.sum)
        assert own["gen_ai.client.inference.usage.output_tokens"].sum.is_monotonic
    assert (tokens.unit, tokens.histogram.aggregation_temporality, point.explicit_bounds[1]) == ("{token}", 2, 4)
    chunks = own.get("gen_ai.client.inference.time_to_first_chunk")
    assert (None if chunks is None else chunks.histogram.data_points[0].count) == first_chunks


@contextlib.contextmanager
def gateway_that_keeps_contents(tmp_path: Path, settings: Telemetry) -> Iterator[RunningGateway]:
    store, logs = Store(data_dir=str(tmp_path / "data")), Logs(content=True)
    with running_gateway(Settings(store=store, telemetry=settings, logs=logs), None) as running:
        yield running


@pytest.mark.parametrize("stream", ["yes", "no"])
def test_contents_are_in_spans_where_the_operator_and_the_caller_let_them(tmp_path: Path, stream: str) -> None:
    with running_receiver() as receiver:
        with gateway_that_keeps_contents(tmp_path, telemetry(receiver, content=True)) as running:
            assert chat(running, stream=stream).status_code == 200
            assert chat(running, stream=stream, x_portkey_debug="false").status_code == 200
        spans = receiver.wait_for_spans(4)
    (told,) = [span.attributes for span in spans if "gen_ai.input.messages" in span.attributes]
    user = {"role": "user", "parts": [{"type": "text", "content": "Who am I?"}]}
    answer = {"role": "assistant", "parts": [{"type": "text", "content": "Who am I?"}], "finish_reason": "stop"}
    assert told["gen_ai.operation.name"] == "chat"
    assert json.loads(told["gen_ai.input.messages"]) == [user]
    assert json.loads(told["gen_ai.output.messages"]) == [answer]


def test_without_the_setting_no_span_has_a_content(tmp_path: Path) -> None:
    with running_receiver() as receiver:
        with gateway_that_keeps_contents(tmp_path, telemetry(receiver)) as running:
            assert chat(running).status_code == 200
        spans = receiver.wait_for_spans(2)
    assert "Who am I?" not in repr([span.attributes for span in spans])


def test_two_workers_counters_add_up(tmp_path: Path) -> None:
    with running_receiver() as receiver:
        environment: dict[str, Any] = {
            "PENSTOCK_TELEMETRY_ENDPOINT": receiver.endpoint, "PENSTOCK_TELEMETRY_METRICS_INTERVAL": "1",
            "PENSTOCK_STORE_DATA_DIR": str(tmp_path / "data"), "PENSTOCK_TELEMETRY_INTERVAL": "0.1",
        }  # fmt: skip
        with serving(tmp_path, "--workers", "2", **environment) as served:
            until(lambda: len(served.workers()) == 2)
            for _ in range(40):  # each on a connection of its own, which either worker may take
                url = f"http://127.0.0.1:{served.port}/v1/chat/completions"
                assert (
                    httpx.post(url, json=BODY, headers={"x-portkey-provider": "echo"}, timeout=300).status_code == 200
                )
            assert len({span.trace_id for span in receiver.wait_for_spans(80)}) == 40

            def total() -> float:
                if not receiver.requests(METRICS):
                    return 0.0
                metrics = receiver.metrics()
                if metrics["penstock_workers"].gauge.data_points[0].as_double != 2:
                    return 0.0
                found: float = sum(point.as_double for point in metrics["penstock_requests"].sum.data_points)
                assert found <= 40
                return found

            until(lambda: total() == 40)
            duration = receiver.metrics()["penstock_request_duration_seconds"]
    (point,) = duration.histogram.data_points
    assert (duration.unit, point.count, sum(point.bucket_counts)) == ("s", 40, 40)
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    assert 0 < point.start_time_unix_nano < point.time_unix_nano


def test_the_receiver_is_called_at_its_own_paths_only(tmp_path: Path) -> None:
    with running_receiver("/otlp") as receiver, gateway(tmp_path, telemetry(receiver)) as running:
        assert chat(running).status_code == 200
        receiver.wait_for_spans(2)
        assert {request.target for request in receiver.upstream.received} == {"/otlp/v1/traces"}
