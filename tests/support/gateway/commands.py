"""Commands run as from a terminal, before a gateway that is a stub."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

from penstock.cli import main
from penstock.server.asgi import App, Scope, Send
from penstock.server.bodies.receive import Receive
from penstock.settings import Settings, SettingsError

STREAM = "text/event-stream; charset=utf-8"
JSON = "application/json"
UNBUILDABLE = 999
CHUNK = b'data: {"choices": [{"index": 0, "delta": {"content": "%s"}}]}\n\n'


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=stdin, catch_exceptions=False)


class Gateway:
    """An ASGI application that answers every request alike, piece by piece, and remembers what it was asked."""

    def __init__(self, *pieces: bytes, status: int = 200, content_type: str = JSON) -> None:
        self.pieces = pieces
        self.status = status
        self.content_type = content_type
        self.headers: dict[str, str] = {}
        self.body: Any = None
        self.lifespan: list[str] = []
        self.settings: Settings | None = None
        self.is_guarded = False
        self.database = "none"
        self.stored = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        assert (scope["method"], scope["path"]) == ("POST", "/v1/chat/completions")
        self.headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.body = json.loads((await receive())["body"])
        head = [(b"content-type", self.content_type.encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": head})
        for piece in self.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _live(self, receive: Receive, send: Send) -> None:
        while self.lifespan[-1:] != ["lifespan.shutdown"]:
            self.lifespan.append((await receive())["type"])
            await send({"type": self.lifespan[-1] + ".complete"})


def installed(monkeypatch: pytest.MonkeyPatch, gateway: App) -> None:
    """Have ``penstock.app.root.build`` give this application."""
    stub = ModuleType("penstock.app.root")

    def build(settings: Settings, catalogue: Path | None = None) -> App:
        if settings.echo.pace_ms == UNBUILDABLE:
            raise SettingsError(["this can't be built"])
        if isinstance(gateway, Gateway):
            gateway.settings = settings
        return gateway

    monkeypatch.setattr(stub, "build", build, raising=False)
    monkeypatch.setattr(stub, "with_catalogue_problems", lambda error, path: error, raising=False)
    monkeypatch.setitem(sys.modules, "penstock.app.root", stub)
