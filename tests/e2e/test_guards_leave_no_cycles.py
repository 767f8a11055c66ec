"""What guards make for a request is freed with it: bodies and texts don't wait for the garbage collector.

A cycle through a request keeps its body, its answer and its account until some fifty thousand other objects are there.
"""

from __future__ import annotations

import gc
import http.client
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import DONE, FINISH, ROLE, Act, Upstream, chunk, events, reply, wait_for_hang_up

CHECKS: Final[dict[str, Any]] = {
    "contains": {"words": ["unwanted"], "operator": "none"},
    "regexMatch": {"rule": r"\d{3}-\d{2}", "not": True},
    "penstock.secrets": {},
}
STREAM: Final = (ROLE, chunk({"content": "Hello "}), chunk({"content": "you"}), chunk({"content": "."}), FINISH, DONE)
MASK: Final = {"penstock.pii": {"entities": ["email"], "redact": True, "restore": True, "mask": "numbered"}}
KINDS: Final[dict[str, tuple[dict[str, Any], bool, str]]] = {
    "at a glance": ({"input_guardrails": [{**CHECKS, "deny": True}]}, False, "Hello"),
    "at a glance, streamed": ({"input_guardrails": [{**CHECKS, "deny": True}]}, True, "Hello"),
    "a failing check": ({"input_guardrails": [CHECKS]}, False, "unwanted"),
    "a denied request": ({"input_guardrails": [{**CHECKS, "deny": True}]}, False, "unwanted"),
    "beside the model": ({"input_guardrails": [{**CHECKS, "deny": True, "parallel": True}]}, False, "Hello"),
    "looking on": ({"input_guardrails": [{**CHECKS, "mode": "shadow"}]}, False, "Hello"),
    "a changed request": ({"input_mutators": [{"addPrefix": {"prefix": "so: "}}]}, False, "Hello"),
    "restored": ({"input_guardrails": [MASK]}, False, "mail a@example.org"),
    "restored, streamed": ({"input_guardrails": [MASK]}, True, "mail a@example.org"),
    "an answer": ({"output_guardrails": [{**CHECKS, "deny": True}]}, False, "Hello"),
    "a denied answer": ({"output_guardrails": [{"contains": {"words": ["Hi"], "operator": "none"}, "deny": True}]}, False, "Hello"),
    "after": ({"output_guardrails": [{**CHECKS, "stream": "after"}]}, True, "Hello"),
    "hold": ({"output_guardrails": [{**CHECKS, "deny": True, "stream": "hold"}]}, True, "Hello"),
    "window": ({"output_guardrails": [{**CHECKS, "deny": True, "stream": "window"}]}, True, "Hello"),
    "buffer": ({"output_guardrails": [{**CHECKS, "deny": True, "stream": "buffer"}]}, True, "Hello"),
    "denied in the middle": ({"output_guardrails": [{"contains": {"words": ["you."], "operator": "none"}, "deny": True, "stream": "hold"}]}, True, "Hello"),
}  # fmt: skip


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningGateway]:
    with running_gateway(load({}, {"PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent"))) as running:
        yield running


@pytest.mark.parametrize("kind", KINDS)
def test_a_guarded_request_is_freed_with_its_last_byte(gateway: RunningGateway, upstream: Upstream, kind: str) -> None:
    config, streams, text = KINDS[kind]
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    headers = {"x-portkey-config": json.dumps({**target, **config})}
    body = {"model": "m", "messages": [{"role": "user", "content": text}], "stream": streams}
    act: Act = events(*STREAM) if streams else reply()
    with httpx.Client(trust_env=False, timeout=300) as client:

        def ask() -> int:
            upstream.play(act)
            return client.post(f"{gateway.v1}/chat/completions", json=body, headers=headers).status_code

        status = ask()  # what is made once for a plan is made now
        freed = _garbage_after(lambda: [ask() for _ in range(3)])
    assert status in {200, 246, 446}
    assert not freed, f"{kind} leaves cycles: {freed}"


LEFT: Final[dict[str, dict[str, Any]]] = {
    "no guards": {},
    "at a glance": {"input_guardrails": [{**CHECKS, "deny": True}]},
    "restored": {"input_guardrails": [MASK]},
    "beside the model": {"input_guardrails": [{**CHECKS, "deny": True, "parallel": True}]},
    "an answer": {"output_guardrails": [{**CHECKS, "deny": True}]},
    "cached": {"cache": {"mode": "simple"}},
}


@pytest.mark.parametrize("kind", LEFT)
def test_a_request_whose_caller_leaves_is_freed(gateway: RunningGateway, upstream: Upstream, kind: str) -> None:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    headers = {"x-portkey-config": json.dumps({**target, **LEFT[kind]}), "content-type": "application/json"}
    body = {"model": "m", "messages": [{"role": "user", "content": f"{kind}, a@example.org"}]}

    def leave() -> None:
        before = len(upstream.received)
        upstream.play(wait_for_hang_up)
        host = httpx.URL(gateway.url)
        with closing(http.client.HTTPConnection(host.host, host.port, timeout=300)) as connection:
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            upstream.wait_for_request(before + 1)
        upstream.left.get(timeout=60)
        gateway.recorded()

    def leave_often() -> None:
        for _ in range(3):
            leave()

    leave()
    freed = _garbage_after(leave_often)
    assert not freed, f"{kind} leaves cycles: {freed}"


def _garbage_after(act: Any) -> Counter[str]:
    """The gateway's objects that only the garbage collector frees."""
    gc.collect()
    gc.disable()
    try:
        act()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        return Counter(type(each).__qualname__ for each in gc.garbage if type(each).__module__.startswith("penstock"))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
