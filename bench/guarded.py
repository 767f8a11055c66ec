"""What guards cost: requests and streams with three local checks, in turn with the same config without them.

The checks of requests judge the last message; those of answers hold the stream's text back (``hold``).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from bench import payload, route
from bench.measures import Run, chat_cpu, stream_load
from bench.results import Sample
from bench.route import Headers
from bench.upstream import Behaviour

_TURNS: Final = 2
"""Times that the two take turns in one measurement: the machine's other work then weighs on both."""
_STREAMS: Final = 100
_CHECKS: Final[dict[str, Any]] = {
    "contains": {"words": ["internal", "confidential"], "operator": "none"},
    "regexMatch": {"rule": r"\b\d{3}-\d{2}-\d{4}\b", "not": True},
    "penstock.secrets": {},
}


def _config(base_url: str, **guards: Any) -> Headers:
    target = {"provider": "openai", "api_key": "sk-bench", "custom_host": base_url, **guards}
    return {"x-portkey-config": json.dumps(target, separators=(",", ":"))}


def by_config(base_url: str) -> Headers:
    """The config without guards."""
    return _config(base_url)


def by_guarded_request(base_url: str) -> Headers:
    """A config whose guard judges requests."""
    return _config(base_url, input_guardrails=[{**_CHECKS, "deny": True}])


def by_guarded_answer(base_url: str) -> Headers:
    """A config whose guard holds streams back."""
    return _config(base_url, output_guardrails=[{**_CHECKS, "deny": True, "stream": "hold"}])


def guards(run: Run) -> Sample:
    """CPU per request and per chunk, plain and guarded, and what guards add, in microseconds."""
    request = _in_turn(lambda addressing: chat_cpu(run, run.subject, addressing)["cpu"], by_guarded_request)
    chunk = _in_turn(lambda addressing: _chunk_cpu(run, addressing), by_guarded_answer)
    return {
        "request": request[0],
        "request_added": request[1] - request[0],
        "chunk": chunk[0],
        "chunk_added": chunk[1] - chunk[0],
    }


def _in_turn(measure: Callable[[route.Addressing], float], guarded: route.Addressing) -> tuple[float, float]:
    """The means of both, without guards and with them."""
    plain, with_guards = [], []
    for _ in range(_TURNS):
        plain.append(measure(by_config))
        with_guards.append(measure(guarded))
    return sum(plain) / _TURNS, sum(with_guards) / _TURNS


def _chunk_cpu(run: Run, addressing: route.Addressing) -> float:
    body = payload.chat(stream=True)
    way = run.subject.way(Behaviour.CALM, addressing=addressing)
    route.verify(way, body, b"data: ")
    seen = stream_load(run, way, body, _STREAMS)
    return seen.cpu_seconds / seen.events * 1e6
