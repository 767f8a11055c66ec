"""Small configs that once froze the gateway or filled its memory, sent to a real one: each is served or refused.

What they cost is counted in tests/properties/test_config_budgets.py; here it is who answers what, and how many calls a
request leads to.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import reply, running_upstream

MESSAGES = [{"role": "user", "content": "a" * 100}] * 3000
TOOLS = [{"type": "function", "function": {"name": f"f{number}", "strict": True}} for number in range(3000)]
FALLBACK: dict[str, Any] = {"strategy": {"mode": "fallback"}, "provider": "echo"}


def conditional(query: Any, number: int) -> dict[str, Any]:
    strategy = {"mode": "conditional", "conditions": [{"query": query, "then": "b"}] * number, "default": "a"}
    return {"strategy": strategy, "targets": [{"provider": "echo", "name": "a"}]}


def ask(gateway: RunningGateway, config: Any, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
    fields = {"x-portkey-config": json.dumps(config, separators=(",", ":")), **headers}
    asked = {"model": "echo", "messages": [], **(body or {})}
    return httpx.post(f"{gateway.v1}/chat/completions", json=asked, headers=fields, timeout=300)


@pytest.mark.parametrize(
    ("config", "body", "status"),
    [
        ({**FALLBACK, **{f"zq{number}xq": 1 for number in range(80)}, "targets": [{}] * 80}, {}, 200),
        ({**FALLBACK, **{f"zq{number}xq": 1 for number in range(2000)}, "targets": [{}] * 9000}, {}, 400),
        (conditional({"$and": [{"metadata.x": {"$regex": "(?:[ab]{300}){300}"}}] * 20}, 1), {}, 400),
        (conditional({"metadata.x": {"$regex": "(?:a+)+b"}}, 100), {}, 200),
        ({**FALLBACK, "override_params": {f"p{number}": 1 for number in range(1500)}, "targets": [{}] * 1000}, {}, 200),
        (conditional({"$and": [{"params.messages": {"$gt": 1}}] * 10}, 100), {"messages": MESSAGES}, 200),
        ({"strategy": {"mode": "loadbalance", "sticky": {"hash_fields": ["params.messages"] * 200}},
          "targets": [{"provider": "echo"}]}, {"messages": MESSAGES}, 400),
        ({"provider": "echo", "drop_params": [f"tools[*].function.x{number}" for number in range(100)]},
         {"tools": TOOLS}, 200),
    ],
    ids=["a few keys", "keys times targets", "memory of patterns", "time of patterns", "parameters times targets",
         "conditions", "sticky fields", "dropped parameters"],
)  # fmt: skip
def test_a_small_config_with_a_large_bill(
    gateway: RunningGateway, config: Any, body: dict[str, Any], status: int
) -> None:
    metadata = json.dumps({"x": "a" * 1900})
    for _ in range(2):
        assert ask(gateway, config, body, **{"x-portkey-metadata": metadata}).status_code == status
    assert httpx.get(f"{gateway.url}/health", timeout=300).status_code == 200


def test_faults_of_spaces(gateway: RunningGateway) -> None:
    body = {"config": {"provider": "echo"}, "faults": " " * 16_000 + "x"}
    assert httpx.post(f"{gateway.v1}/explain", json=body, timeout=300).status_code == 400


def test_a_thousand_targets_are_fifty_calls(gateway: RunningGateway) -> None:
    with running_upstream() as upstream:
        for _ in range(60):
            upstream.play(reply(500, b"{}"))
        config = {
            **FALLBACK,
            "provider": "openai",
            "api_key": "k",
            "custom_host": f"{upstream.url}/v1",
            "targets": [{}] * 1000,
        }
        answer = ask(gateway, config)
        assert answer.status_code == 500
        assert len(upstream.received) == 50
        assert answer.headers["x-penstock-trace"].endswith("max_attempts reached")


@pytest.mark.parametrize("targets", [1, 3, 5])
def test_a_request_that_comes_back_is_not_multiplied(gateway: RunningGateway, targets: int) -> None:
    """The gateway is its own provider, and the config goes along: one call at each of five hops, in place of 3⁵."""
    gateway.recorded()
    looping = {"provider": "openai", "api_key": "k", "custom_host": gateway.v1, "forward_headers": ["x-portkey-config"]}
    answer = ask(
        gateway, {**FALLBACK, **looping, "retry": {"attempts": 5, "on_status_codes": [508]}, "targets": [{}] * targets}
    )
    assert answer.status_code == 508
    assert answer.json()["error"]["code"] == "loop_detected"
    records = gateway.recorded()
    assert len(records) == 6
    assert sum(len(record.attempts) for record in records) == 5


def _deeper(gateway: RunningGateway, levels: int, targets: int) -> dict[str, Any]:
    """A config that leads a request to the gateway again, to another part of itself each time; its end fails."""
    again = {"provider": "openai", "api_key": "k", "custom_host": gateway.v1, "forward_headers": ["x-portkey-config"]}
    parts: list[dict[str, Any]] = [
        {"name": f"l{level}", "strategy": {"mode": "fallback"},
         "targets": [{**again, "override_params": {"seed": level + 1}}] * targets} for level in range(levels)
    ]  # fmt: skip
    parts.append({"name": f"l{levels}", "provider": "echo", "override_params": {"model": "echo-500"}})
    conditions = [{"query": {"params.seed": {"$eq": level}}, "then": f"l{level}"} for level in range(1, levels + 1)]
    return {"strategy": {"mode": "conditional", "conditions": conditions, "default": "l0"}, "targets": parts}


def test_a_request_that_comes_back_in_another_way_is_hardly_multiplied() -> None:
    """Every level has four targets: 4 + 4² + 4³ requests more, if each had all attempts; four of each level have one."""
    with running_gateway(load({}, {"PENSTOCK_ROUTING_MAX_ATTEMPTS": "4"}, Path("/nonexistent"))) as gateway:
        answer = ask(gateway, _deeper(gateway, 3, 4))
        assert answer.status_code == 500
        assert len(gateway.recorded()) == 1 + 4 + 4 + 4
