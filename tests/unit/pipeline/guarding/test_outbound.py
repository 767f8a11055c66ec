"""The way out for checks: which names they may look up. tests/e2e/test_guardrails.py makes their calls."""

from __future__ import annotations

import asyncio

import pytest

from penstock.core.address import AddressPolicy
from penstock.core.http import Origin
from penstock.pipeline.guarding.outbound import GuardOutbound
from penstock.pipeline.upstream import Upstream


class Asked:
    """Knows every name but the silent one, and who named it."""

    def __init__(self) -> None:
        self.names: list[tuple[str, str]] = []

    async def knows(self, origin: Origin, caller: str) -> bool:
        self.names.append((origin.host, caller))
        if origin.host == "silent.example":
            await asyncio.Event().wait()
        return True


def outbound(asked: Asked) -> GuardOutbound:
    return GuardOutbound(Upstream({}, None, None), AddressPolicy(), "tenant", knows=asked.knows)  # type: ignore[arg-type]


async def test_names_are_looked_up_for_the_caller_and_never_those_of_this_machine() -> None:
    """The threads for names that callers give are shared out by caller (transport/resolve.py)."""
    asked = Asked()
    hosts = ["a.example", "localhost", "127.0.0.1", "::1", "a b", "metadata.google.internal", "b.example"]
    known = await outbound(asked).resolves(hosts)
    assert {host for host, is_known in zip(hosts, known, strict=True) if is_known} == {"a.example", "b.example"}
    assert asked.names == [("a.example", "tenant"), ("b.example", "tenant")]


async def test_a_silent_name_server_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.pipeline.guarding.outbound._RESOLVE_SECONDS", 0.01)
    assert await outbound(Asked()).resolves(["silent.example", "a.example"]) == [False, True]


async def test_without_a_resolver_no_name_is_known() -> None:
    assert await GuardOutbound(Upstream({}, None, None), AddressPolicy()).resolves(["a.example"]) == [False]  # type: ignore[arg-type]
