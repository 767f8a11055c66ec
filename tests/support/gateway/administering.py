"""The admin API on a socket of its own, over a database that ends with the test."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

import httpx
import uvicorn

from databases import make_tables
from loops import WatchedLoop
from penstock.admin.api import AdminApi
from penstock.control.bootstrap import bootstrap
from penstock.control.plane import ControlPlane
from penstock.settings.console import Console
from penstock.stores.sql.database import MEMORY, Database
from penstock.stores.sql.keyring import parse_keyring

ADMIN: str = "an-admin-key-of-the-environment"
KEYRING = parse_keyring("test:" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
_T = TypeVar("_T")


async def new_plane(address: str = MEMORY, **parts: Any) -> ControlPlane:
    """A control plane over a database with its tables, its organisation and its default workspace."""
    database = Database(address)
    await make_tables(database)
    await bootstrap(database)
    return ControlPlane(database, KEYRING, **parts)


class Reply:
    """What the admin API answered."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.text = response.text
        assert response.headers["x-portkey-request-id"]
        is_file = response.headers.get("content-disposition", "").startswith("attachment;")
        self.body: Any = {} if is_file else json.loads(response.text)
        assert isinstance(self.body, dict), "every answer but a file is an object"
        assert is_file or response.headers["content-type"] == "application/json"

    @property
    def problems(self) -> dict[str, str]:
        return {each["pointer"]: each["message"] for each in self.body["data"]["problems"]}


class RunningAdmin:
    """The admin API that listens on ``url``; ``run`` runs a coroutine on its loop, where its database lives."""

    def __init__(self, plane: ControlPlane, url: str, loop: asyncio.AbstractEventLoop, client: httpx.Client) -> None:
        self.plane = plane
        self.url = url
        self._loop = loop
        self._client = client

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        key: str | None = ADMIN,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Reply:
        """Call a path after ``/v1``."""
        fields = {**({} if key is None else {"x-portkey-api-key": key}), **(headers or {})}
        if content is None and body is not None:
            content, fields["content-type"] = json.dumps(body).encode(), "application/json"
        return Reply(self._client.request(method, f"/v1{path}", content=content, headers=fields))

    def made(self, path: str, body: Any, key: str = ADMIN) -> dict[str, Any]:
        """What a POST made, which must succeed."""
        reply = self.call("POST", path, body, key)
        assert reply.status == 200, reply.text
        answer: dict[str, Any] = reply.body
        return answer


@contextlib.contextmanager
def running_admin(
    address: str = MEMORY,
    admin_key: str = ADMIN,
    *,
    console: Console | None = None,
    is_secure: bool = False,
    **parts: Any,
) -> Iterator[RunningAdmin]:
    """The admin API under uvicorn, in a thread with a loop of its own."""
    started: Future[tuple[ControlPlane, uvicorn.Server, str, asyncio.AbstractEventLoop]] = Future()

    async def serve() -> None:
        try:
            plane = await new_plane(address, **parts)

            async def opened() -> ControlPlane:
                return plane

            loop = asyncio.get_running_loop()
            api = AdminApi(opened, lambda: admin_key, console, is_secure=is_secure)
            config = uvicorn.Config(api, port=0, log_level="warning", lifespan="on")
            server = _Server(config)
        except BaseException as error:
            started.set_exception(error)
            raise
        server.tell = lambda url: started.set_result((plane, server, url, loop))
        await server.serve()
        await plane.database.close()

    def run() -> None:
        with asyncio.Runner(loop_factory=WatchedLoop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        plane, server, url, loop = started.result(60)
        try:
            with httpx.Client(base_url=url, timeout=300) as client:
                yield RunningAdmin(plane, url, loop, client)
        finally:
            server.should_exit = True
    finally:
        thread.join()


class _Server(uvicorn.Server):
    """A server that tells when it listens, and leaves the signals alone."""

    tell: Callable[[str], None]

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        self.tell(f"http://127.0.0.1:{port}")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
