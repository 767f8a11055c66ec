"""What both nginx instances share: one foreground process that keeps everything in a directory of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import process
from bench.machine import Tools

_FRAME = """\
{modules}
{user}
daemon off;
master_process off;
pid {home}/nginx.pid;
error_log stderr error;
events {{ worker_connections 32768; }}
http {{
    access_log off;
    client_body_temp_path {home}/client_body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    client_body_buffer_size 64k;
    tcp_nodelay on;
    keepalive_requests 1000000000;
{http}
}}
"""


@contextmanager
def running(
    tools: Tools, cores: frozenset[int], home: Path, http: str, *, lua: bool = False
) -> Iterator[process.Process]:
    """Run nginx with the given ``http`` block until the block ends."""
    home.mkdir(exist_ok=True)
    config = home / "nginx.conf"
    config.write_text(
        _FRAME.format(
            modules="\n".join(f"load_module {module};" for module in tools.lua_modules) if lua else "",
            user="user root;" if os.geteuid() == 0 else "",
            home=home,
            http=http,
        ),
        encoding="utf-8",
    )
    command: list[str | Path] = [tools.nginx, "-p", home, "-c", config, "-e", "stderr"]
    with process.running(command, cores, home / "nginx.log") as nginx:
        yield nginx
