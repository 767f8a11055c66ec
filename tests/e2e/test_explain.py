"""``POST /v1/explain``: what it says beforehand is what the server then does; and what it takes, refuses and keeps."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.settings import load
from penstock.stores.catalogue import digest_of
from running import RunningGateway, running_gateway
from upstream import (
    DONE,
    ROLE,
    Act,
    Upstream,
    chunk,
    events,
    hang_up,
    refusing_port,
    reply,
    reset,
    running_upstream,
    send,
    wait_for_hang_up,
)

KEY = "sk-hunter2"
NOWHERE = Path("/nonexistent")


async def instant(_: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningGateway]:
    with running_gateway(load({}, {"PENSTOCK_ACCESS_LOG": "false"}, NOWHERE), sleep=instant) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningGateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.v1, headers={"authorization": f"Bearer {KEY}"}, timeout=300) as made:
        yield made


def explained(client: httpx.Client, status: int = 200, headers: dict[str, str] | None = None, **body: Any) -> Any:
    answer = client.post("/explain", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


# What is explained is what happens: random configs and faults, played and then really carried out.

STATUSES = [400, 401, 404, 408, 429, 500, 502, 503, 529]
WORDS = "reset cut error-event empty invalid context_length content_filter auth ok".split()


def error(status: int, **members: str) -> Act:
    return reply(status, json.dumps({"error": {"message": "No.", **members}}).encode())


def acts(fault: str, *, stream: bool) -> tuple[Act, ...]:
    """What an upstream does that has this fault."""
    if fault.isdecimal():
        return (error(int(fault)),)
    return _STREAMED[fault] if stream and fault in _STREAMED else _PLAIN[fault]


_BEGUN = send(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"choices": [')
_FAILED = b'{"error": {"message": "The server had an error."}}'
_PLAIN: dict[str, tuple[Act, ...]] = {
    "reset": (reset,),
    "stall": (wait_for_hang_up,),
    "cut": (_BEGUN, hang_up),
    "error-event": (reply(200, _FAILED),),
    "empty": (reply(200, b""),),
    "invalid": (reply(200, b"<html>"),),
    "context_length": (error(400, code="context_length_exceeded"),),
    "content_filter": (error(400, code="content_filter"),),
    "auth": (error(401),),
    "ok": (reply(),),
}
_STREAMED: dict[str, tuple[Act, ...]] = {
    "reset": (reset,),
    "cut": (events(ROLE, end=False), hang_up),
    "error-event": (events(b"data: " + _FAILED + b"\n\n"),),
    "empty": (events(ROLE, DONE),),
    "invalid": (events(b"data: {oops\n\n", DONE),),
    "slow-token": (events(ROLE, end=False), wait_for_hang_up),
    "ok": (events(ROLE, chunk({"content": "Hi"}), chunk({}, "stop"), DONE),),
}


class Leaf(NamedTuple):
    """A target to be: what its calls come to in turn, or that nobody listens there; the rest of its config."""

    faults: tuple[str, ...]
    is_deaf: bool
    members: dict[str, Any]


Tree = Leaf | dict[str, Any]

SOME_STATUSES = st.lists(st.sampled_from(STATUSES), max_size=4, unique=True)
SOME_CLASSES = st.lists(
    st.sampled_from("rate_limit server_error timeout connection context_length content_filter auth".split()),
    max_size=3,
    unique=True,
)
RETRIES = st.fixed_dictionaries(
    {"attempts": st.integers(0, 3)}, optional={"on_status_codes": SOME_STATUSES, "on_error": SOME_CLASSES}
)
FAULTS = st.lists(st.sampled_from([*map(str, STATUSES), *WORDS]), min_size=1, max_size=5).map(tuple)
LEAVES = st.builds(
    Leaf, FAULTS, st.sampled_from([False] * 7 + [True]), st.fixed_dictionaries({}, optional={"retry": RETRIES})
)
FALLBACKS = st.fixed_dictionaries(
    {"mode": st.just("fallback")},
    optional={"on_status_codes": SOME_STATUSES, "on_error": SOME_CLASSES, "return_on_error": SOME_CLASSES},
)


@st.composite
def fallbacks(draw: st.DrawFn, children: st.SearchStrategy[Tree]) -> Tree:
    return {"strategy": draw(FALLBACKS), "targets": draw(st.lists(children, min_size=2, max_size=3))}


@st.composite
def balancers(draw: st.DrawFn, children: st.SearchStrategy[Tree]) -> Tree:
    """Whatever the chance, one target is chosen."""
    targets = draw(st.lists(children, min_size=2, max_size=3))
    chosen = draw(st.integers(0, len(targets) - 1))
    weights = {"weights": [int(index == chosen) for index in range(len(targets))]}
    return {"strategy": {"mode": "loadbalance"}, "targets": targets, **weights}


@st.composite
def routers(draw: st.DrawFn, children: st.SearchStrategy[Tree]) -> Tree:
    """By the model, the metadata or neither; perhaps to a target that there isn't."""
    targets = draw(st.lists(children, min_size=2, max_size=3))
    names = [f"t{index}" for index in range(len(targets))] + ["nobody"] * draw(st.integers(0, 1))
    queries = st.sampled_from(
        [{"params.model": "m"}, {"metadata.plan": "pro"}, {"params.model": "x"}, {"metadata.plan": {"$ne": "pro"}}]
    )
    conditions = [
        {"query": draw(queries), "then": draw(st.sampled_from(names))} for _ in range(draw(st.integers(1, 2)))
    ]
    default = {"default": draw(st.sampled_from(names))} if draw(st.booleans()) else {}
    return {
        "strategy": {"mode": "conditional", "conditions": conditions, **default},
        "targets": targets,
        "names": names,
    }


TREES: st.SearchStrategy[Tree] = st.recursive(
    LEAVES, lambda inner: st.one_of(fallbacks(inner), balancers(inner), routers(inner)), max_leaves=6
)


class World(contextlib.ExitStack):
    """Upstreams for the leaves of one tree, and the faults that they have."""

    def __init__(self, *, stream: bool) -> None:
        super().__init__()
        self.faults: list[str] = []
        self._stream = stream

    def config(self, tree: Tree, path: str) -> dict[str, Any]:
        if isinstance(tree, Leaf):
            return self._target(tree, path)
        targets = [
            self.config(each, f"{path}.targets[{index}]".removeprefix("config."))
            for index, each in enumerate(tree["targets"])
        ]
        for key, member in (("weights", "weight"), ("names", "name")):
            for target, value in zip(targets, tree.get(key, ()), strict=False):
                target[member] = value
        return {"strategy": tree["strategy"], "targets": targets}

    def _target(self, leaf: Leaf, path: str) -> dict[str, Any]:
        if leaf.is_deaf:
            url = f"http://127.0.0.1:{self.enter_context(refusing_port())}"
            self.faults.append(f"{path}=refusedx99")
        else:
            upstream = self.enter_context(running_upstream())
            url = upstream.url
            for fault in leaf.faults:
                upstream.play(*acts(fault, stream=self._stream))
            for _ in range(20 if self._stream else 0):
                upstream.play(*acts("ok", stream=True))
            if leaf.faults:
                self.faults.append(f"{path}={'|'.join(leaf.faults)}")
        return {"provider": "openai", "api_key": KEY, "custom_host": f"{url}/v1", **leaf.members}


def told(trace: str) -> list[tuple[str, str]]:
    """The paths and results of a trace header."""
    return [(path, result) for step in trace.split("; ") if step for path, result in [step.split(" ")[:2]]]


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=fallbacks(TREES), stream=st.booleans(), plan=st.sampled_from(["pro", "free", None]))
def test_the_server_does_what_is_explained(client: httpx.Client, tree: Tree, stream: bool, plan: str | None) -> None:
    assert_explained(client, tree, stream=stream, plan=plan)


STREAMED_OR_NOT = pytest.mark.parametrize("stream", [False, True])


@STREAMED_OR_NOT
@pytest.mark.parametrize("fault", [*map(str, STATUSES), *WORDS])
def test_every_fault_is_what_the_server_makes_of_it(client: httpx.Client, fault: str, stream: bool) -> None:
    """The class of a fault shows in what a fallback that goes by classes makes of it."""
    classes = "rate_limit server_error timeout connection context_length content_filter auth".split()
    for error_class in classes:
        tree: Tree = {
            "strategy": {"mode": "fallback", "on_error": [error_class]},
            "targets": [Leaf((fault,), False, {}), Leaf(("ok",), False, {})],
        }
        assert_explained(client, tree, stream=stream)


@pytest.mark.parametrize(
    ("fault", "members"),
    [("stall", {"request_timeout": 300}), ("stall", {"timeouts": {"first_token": 0.3}}),
     ("stall", {"timeouts": {"total": 0.3}}), ("slow-token", {"timeouts": {"first_token": 0.3}}),
     ("slow-token", {"timeouts": {"idle": 0.3}}), ("slow-token", {"timeouts": {"total": 0.3}})],
)  # fmt: skip
def test_time_limits(client: httpx.Client, fault: str, members: dict[str, Any]) -> None:
    leaf = Leaf((fault,), False, {**members, "retry": {"attempts": 1, "on_status_codes": [408]}})
    said = assert_explained(client, {"strategy": {"mode": "fallback"}, "targets": [leaf, Leaf(("ok",), False, {})]})
    assert said["steps"][0]["seconds"] == 0.3


def assert_explained(client: httpx.Client, tree: Tree, *, stream: bool = True, plan: str | None = None) -> Any:
    """Have a request to such targets explained, then made: both must come to the same."""
    request = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "stream": stream}
    metadata = {} if plan is None else {"plan": plan}
    with World(stream=stream) as world:
        config = world.config(tree, "config")
        said = explained(client, config=config, request=request, metadata=metadata, faults=",".join(world.faults))
        headers = {"x-portkey-config": json.dumps(config), "x-portkey-metadata": json.dumps(metadata)}
        done = client.post("/chat/completions", json=request, headers=headers)
    attempts = [(step["target"], step["result"]) for step in said["steps"] if step["step"] == "attempt"]
    assert attempts == told(done.headers.get("x-penstock-trace", ""))
    assert said["status"] == done.status_code
    assert said["attempts"] == len(attempts) <= said["most_attempts"]
    if said["target"] is not None:
        assert done.headers["x-portkey-last-used-option-index"] == f"config.{said['target']}"
        assert done.headers["x-portkey-retry-attempt-count"] == str(said["retry_count"])
    return said


# What it takes.

TWO = {"strategy": {"mode": "fallback"}, "targets": [{"provider": "openai", "api_key": "k"}, {"provider": "echo"}]}
HELLO = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


def test_nothing_is_sent_and_no_credential_shown(client: httpx.Client, upstream: Upstream) -> None:
    config = {"provider": "openai", "api_key": KEY, "custom_host": f"{upstream.url}/v1", "openai_organization": KEY}
    answer = client.post("/explain", json={"config": config, "request": HELLO, "faults": "config=401"})
    assert answer.json()["result"] == "401"
    assert KEY not in answer.text
    assert upstream.received == []


def test_the_headers_decide_where_the_body_does_not(client: httpx.Client) -> None:
    assert explained(client, headers={"x-portkey-provider": "echo"})["steps"][0]["provider"] == "echo"
    said = explained(client, headers={"x-portkey-config": json.dumps(TWO)}, faults="targets[0]=reset")
    assert said["target"] == "targets[1]"
    said = explained(client, headers={"x-portkey-config": "{broken"}, config=TWO)
    assert said["target"] == "targets[0]"


def test_what_a_request_lacks_is_told_where_the_server_would(client: httpx.Client) -> None:
    said = explained(client, config={"provider": "azure-openai"}, request={**HELLO})
    assert said["status"] == 400
    assert "resource_name" in said["steps"][0]["message"]
    nameless = explained(client, config=TWO, request={"messages": []})
    assert [step["result"] for step in nameless["steps"]] == ["invalid_request", "invalid_request"]


@pytest.mark.parametrize(("asked", "result"), [("Hello", "200"), (5, "invalid_request")])
def test_a_body_is_read_in_its_own_wire(asked: Any, result: str, client: httpx.Client) -> None:
    """A request of Responses at the path of chat completions is no chat without messages."""
    config = {"provider": "anthropic", "api_key": "k"}
    said = explained(client, config=config, request={"model": "claude-sonnet-4-5", "input": asked})
    assert said["result"] == result
    assert "messages" not in (said["steps"][0]["message"] or "")


def test_conditions_see_body_metadata_and_path(client: httpx.Client) -> None:
    queries = [{"params.model": "m"}, {"metadata.plan": "pro"}, {"url.pathname": "/v1/other"}]
    conditions = [{"query": query, "then": f"t{index}"} for index, query in enumerate(queries)]
    config = {
        "strategy": {"mode": "conditional", "conditions": conditions},
        "targets": [{"name": f"t{index}", "provider": "echo"} for index in range(3)],
    }
    assert explained(client, config=config, request=HELLO)["target"] == "targets[0]"
    assert explained(client, config=config, metadata={"plan": "pro"})["target"] == "targets[1]"
    assert explained(client, config=config, path="/v1/other")["target"] == "targets[2]"
    nowhere = explained(client, config=config)
    assert (nowhere["status"], nowhere["target"], nowhere["steps"]) == (400, None, [])
    assert "No condition" in nowhere["message"]


def test_chance_is_the_middle_or_follows_a_seed(client: httpx.Client) -> None:
    config = {"strategy": {"mode": "loadbalance"}, "targets": [{"provider": "echo"} for _ in range(9)]}
    assert {explained(client, config=config)["target"] for _ in range(9)} == {"targets[4]"}
    seeded = [explained(client, config=config, seed=seed)["target"] for seed in range(9)]
    assert seeded == [explained(client, config=config, seed=seed)["target"] for seed in range(9)]
    assert len(set(seeded)) > 1


@pytest.mark.parametrize(
    ("body", "param", "text"),
    [
        (b"{", None, "it can't be read"),
        (b"[]", None, "it can't be read"),
        (b'{"fault": "x"}', None, "unknown field `fault`"),
        (b'{"config": 7}', "config", "an object, or the name of a saved one"),
        (b'{"config": "\xff"}', "config", "an object, or the name of a saved one"),
        (b'{"config": {"x": "%s"}}' % (b"y" * 70_000), "config", "larger than 65536 bytes"),
        (b'{"config": {"provider": "opena"}}', "config.provider", "did you mean 'openai'?"),
        (b'{"config": "nobody"}', "x-portkey-config", "There is no config 'nobody'"),
        (b'{"config": {"provider": "echo"}, "request": {"stream": 1}}', "stream", "true or false"),
        (b'{"config": {"provider": "echo"}, "faults": "config=stal"}', "faults", "did you mean 'stall'?"),
        (b"{}", "x-portkey-provider", "names no provider"),
    ],
)  # fmt: skip
def test_bad_input(client: httpx.Client, body: bytes, param: str | None, text: str) -> None:
    answer = client.post("/explain", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == param
    assert text in error["message"]
    assert "y" * 100 not in answer.text


def test_the_edge_treats_it_like_any_surface(client: httpx.Client) -> None:
    refused = client.get("/explain")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert client.post("/explain", content=b"{}", headers={"content-type": "text/plain"}).status_code == 400
    assert "did you mean /v1/explain?" in client.post("/explan", json={}).json()["error"]["message"]


def test_a_body_that_is_too_large() -> None:
    small = load({}, {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_MAX_BODY_BYTES": "100"}, NOWHERE)
    with running_gateway(small) as server, httpx.Client(trust_env=False, timeout=300) as client:
        assert client.post(f"{server.v1}/explain", json={"config": TWO}).status_code == 413


# Gateway keys, virtual keys and saved configs.

CATALOGUE = f"""
[virtual_keys.prod]
provider = "openai"
credential = "file:credential"
models = ["gpt-4*"]

[configs.saved]
id = "pc-1"
strategy = {{ mode = "fallback" }}
targets = [{{ virtual_key = "prod" }}, {{ provider = "echo" }}]

[keys.team]
hash = "{digest_of("pk-team")}"
virtual_keys = []
configs = ["saved"]
config = "saved"
"""


def test_guards_of_an_explanation_hold_up_nobody(client: httpx.Client) -> None:
    """An explanation is made while nothing else is served."""
    words = {"default.contains": {"words": ["bad"], "operator": "none"}, "deny": True}
    slow = {"default.regexMatch": {"rule": "(a|a )+b$"}}
    one = {"provider": "openai", "api_key": "k"}

    def verdicts(text: str, *guards: dict[str, Any]) -> list[str | None]:
        asked = {"model": "m", "messages": [{"role": "user", "content": text}]}
        said = explained(client, config={**one, "input_guardrails": guards}, request=asked)
        return [each.get("verdict") for each in said["guards"]]

    assert verdicts("bad " * 100, words) == ["denied"]
    assert verdicts("bad " * 5000, words) == [None]
    told = verdicts("b" + "a " * 1000, *[slow] * 48, words)
    assert len(told) == 49
    assert told[-1] is None


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "penstock.toml").write_text(CATALOGUE)
    (folder / "credential").write_text(KEY)
    settings = load({}, {"PENSTOCK_ACCESS_LOG": "false"}, NOWHERE)
    with (
        running_gateway(settings, folder / "penstock.toml") as server,
        httpx.Client(base_url=server.v1, timeout=300) as made,
    ):
        yield made


TEAM = {"x-portkey-api-key": "pk-team"}


@pytest.mark.parametrize(
    ("headers", "code"), [({}, "invalid_gateway_key"), ({"authorization": "Bearer pk-other"}, "03")]
)
def test_without_a_valid_gateway_key_nothing_is_explained(
    guarded: httpx.Client, headers: dict[str, str], code: str
) -> None:
    refused = explained(guarded, 401, headers, config=TWO, faults="targets[0]=stal")
    assert refused["error"]["code"] == code


@pytest.mark.parametrize("body", [{"config": "saved"}, {"config": "pc-1"}, {}])
def test_saved_configs_and_virtual_keys(guarded: httpx.Client, body: dict[str, Any]) -> None:
    said = explained(guarded, 200, TEAM, **body, request={**HELLO, "model": "gpt-4o"}, faults="targets[0]=429")
    assert [step["result"] for step in said["steps"]] == ["429", "200"]
    said = explained(guarded, 200, TEAM, **body, request={**HELLO, "model": "o3"})
    assert [step["result"] for step in said["steps"]] == ["model_not_allowed", "200"]


def test_what_a_gateway_key_may_not_use(guarded: httpx.Client) -> None:
    refused = explained(guarded, 403, TEAM, config={"virtual_key": "prod"})
    assert refused["error"]["code"] == "not_allowed"
