"""Sessions over WebSocket as callers have them: a gateway that serves them, a session opened or refused, its line in
the log."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.sync.connection import Connection

from penstock.settings import load
from running import RunningGateway, running_gateway

FILE = """
[virtual_keys.up]
provider = "openai"
credential = "env:SECRET"
base_url = "{url}/v1"

[virtual_keys.azure]
provider = "azure-openai"
credential = "env:SECRET"
base_url = "{url}/openai"
resource_name = "r"
deployment_id = "d"
api_version = "2025-04-01-preview"

[virtual_keys.azure-v1]
provider = "azure-openai"
credential = "env:SECRET"
base_url = "{url}/openai"
resource_name = "r"
deployment_id = "d"
api_version = "v1"

[configs.twice]
strategy = {{ mode = "fallback" }}
targets = [{{ provider = "@up" }}, {{ provider = "@up", override_params = {{ model = "second" }} }}]

[configs.guarded]
provider = "@up"
input_guardrails = [{{ "default.contains" = {{ operator = "none", words = ["x"] }}, deny = true }}]

[models.voice]
target = "@up/gpt-realtime"
"""
TRACE = "x-portkey-trace-id"
_NUMBERS = itertools.count()


def serving(folder: Path, text: str, **variables: str) -> Iterator[RunningGateway]:
    path = folder / "penstock.toml"
    path.write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET", "sk-upstream")
        settings = load(
            {}, {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_PROVIDERS_ENV_KEYS": "false", **variables}, folder
        )
        with running_gateway(settings, path) as running:
            yield running


def opened(
    gateway: RunningGateway, query: str = "model=@up/gpt-realtime", path: str = "/v1/realtime", **more: Any
) -> ClientConnection:
    url = gateway.url.replace("http:", "ws:")
    named = {TRACE: f"session-{next(_NUMBERS)}", **more.pop("additional_headers", {})}
    patience = {"open_timeout": 60, "close_timeout": 60, "ping_interval": None}
    return connect(
        f"{url}{path}?{query}", compression=None, proxy=None, additional_headers=named, **{**patience, **more}
    )


def refused(gateway: RunningGateway, query: str = "model=@up/gpt-realtime", **more: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as caught:
        opened(gateway, query, **more)
    response = caught.value.response
    return response.status_code, json.loads(response.body or b"{}")


SESSIONS = {"realtime", "responses.connect"}


def recorded(gateway: RunningGateway, trace: str = "") -> Any:
    """The record of the session with this trace: where tests share a gateway, those of earlier sessions may come first.
    Without a trace that of the only session."""
    for _ in range(6000):
        for record in gateway.taken():
            if record.operation in SESSIONS and trace in ("", record.trace_id):
                return record
        time.sleep(0.01)
    raise AssertionError("no record")


def trace_of(session: Connection) -> str:
    assert session.request is not None
    return session.request.headers[TRACE]
