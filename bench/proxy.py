"""The reference: nginx as a reverse proxy with kept-alive upstream connections, plain and TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from bench import nginx, payload, process, route
from bench.machine import Tools
from bench.route import Addressing, Route
from bench.subject import Contender, Role, Subject, until_it_answers
from bench.upstream import Behaviour, Upstream

NAME: Final = "nginx"

_PATIENCE = 10.0


def contender(tools: Tools, cores: frozenset[int], home: Path) -> Contender:
    return Contender(NAME, Role.REFERENCE, partial(_serve, tools, cores, home / "proxy"))


@contextmanager
def _serve(tools: Tools, cores: frozenset[int], home: Path, upstream: Upstream) -> Iterator[Subject]:
    plain, tls = process.free_port(), process.free_port()
    first = Route(plain, f"/{Behaviour.CALM.value}{route.CHAT_PATH}", {})
    with nginx.running(tools, cores, home, _http(upstream, plain, tls)) as server:
        seconds = until_it_answers(server, first, payload.chat(), _PATIENCE)
        yield Subject(server, _Way(plain, tls), seconds)


class _Way:
    """The two listening ports; the path says the rest, and no gateway header is needed."""

    def __init__(self, plain: int, tls: int) -> None:
        self._plain, self._tls = plain, tls

    def __call__(self, behaviour: Behaviour, *, tls: bool = False, addressing: Addressing = route.by_headers) -> Route:
        del addressing
        return Route(self._tls if tls else self._plain, f"/{behaviour.value}{route.CHAT_PATH}", {})


def _http(upstream: Upstream, plain: int, tls: int) -> str:
    return f"""
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_buffering off;
    proxy_read_timeout 600s;
    keepalive_timeout 75s;
    upstream plain {{ server 127.0.0.1:{upstream.plain_port}; keepalive 1024; keepalive_requests 1000000000; }}
    upstream tls   {{ server 127.0.0.1:{upstream.tls_port};   keepalive 1024; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{plain} backlog=4096;
        location / {{ proxy_pass http://plain; }}
    }}
    server {{
        listen 127.0.0.1:{tls} backlog=4096;
        location / {{
            proxy_pass https://tls;
            proxy_ssl_name localhost;
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate {upstream.authority};
        }}
    }}
"""
