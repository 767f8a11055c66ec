"""Endpoints that clients of OpenAI's, Portkey's and other APIs know and that this release, or this port, doesn't have.

A 404 would make a client blame the model's name or the base URL. A row goes when its endpoint is built.
Sources: OpenAI API reference; docs/portkey.md.
"""

from __future__ import annotations

import re
from typing import Final

from penstock.core.failure import Failure, Kind

_ABSENT: Final = (
    "This gateway does not serve {} here: it has no database (store.database), or its settings switch that off "
    "(admin.enabled, console.enabled) or put it on another port (admin.listen)."
)
_ENDPOINTS: Final[dict[str, str]] = {
    "/model": "this operation of Bedrock's: use converse, converse-stream, invoke or invoke-with-response-stream "
    "(sessions with Nova Sonic need HTTP/2 in both directions: ask Bedrock itself)",
    "/async-invoke": "Bedrock's asynchronous invocations, whose answers go to Amazon S3: ask Bedrock itself",
    "/api/pull": "Ollama's ways to keep models: ask the host itself",
    "/api/push": "Ollama's ways to keep models: ask the host itself",
    "/api/create": "Ollama's ways to keep models: ask the host itself",
    "/api/copy": "Ollama's ways to keep models: ask the host itself",
    "/api/delete": "Ollama's ways to keep models: ask the host itself",
    "/api/blobs": "Ollama's ways to keep models: ask the host itself",
    "/v1/prompts": "stored prompts",
}
_EXACT: Final[dict[str, str]] = {
    "/v1/chat": "version 1 of Cohere's chats: use /v2/chat, or /v1/proxy/v1/chat, which passes to Cohere as it is",
}
"""Paths below which others are served."""
_PLANE: Final[dict[str, str]] = {
    "/v1/configs": " Configs can be set in penstock.toml.",
    "/v1/virtual-keys": " Virtual keys can be set in penstock.toml.",
    "/v1/api-keys": " Gateway keys can be set in penstock.toml.",
    "/v1/guardrails": " Guardrails can be set in penstock.toml.",
    "/v1/integrations": "",
    "/v1/providers": " Virtual keys can be set in penstock.toml.",
    "/v1/policies": "",
    "/v1/admin": "",
    "/v1/audit-logs": "",
    "/v1/penstock": "",
    "/v1/feedback": "",
    "/v1/logs": "",
    "/v1/analytics": "",
    "/console": "",
}
"""Paths of the admin API and the console, which come here only where they are not served, and what does instead."""


_VERB: Final = re.compile(r":(bidiGenerateContent|generateAnswer|rawPredict|streamRawPredict)\Z")
"""Verbs of Google's paths, which stand behind the name of a model."""
_SERVED: Final = re.compile(
    r"/model/.+/(converse|converse-stream|count-tokens|invoke|invoke-with-response-stream)|"
    r"/v1(beta1)?/projects/.+/publishers/anthropic/models/.+:(rawPredict|streamRawPredict)"
)
"""Paths that are served, beside others of the kind that aren't."""


def not_built(path: str) -> Failure | None:
    """The failure for an endpoint that clients know and that is not served here; None for any other path."""
    if _SERVED.fullmatch(path) is not None:
        return None
    verb = _VERB.search(path)
    if verb is not None:
        text = f"This release of the gateway does not serve Gemini's {verb[1]}: /v1/proxy{path} passes it as it is."
        return Failure(Kind.NOT_IMPLEMENTED, text)
    if path in _EXACT:
        return Failure(Kind.NOT_IMPLEMENTED, f"This release of the gateway does not serve {_EXACT[path]}.")
    segments = path.split("/")
    for count in (3, 4, 2):
        start = "/".join(segments[:count])
        if start in _ENDPOINTS:
            return Failure(Kind.NOT_IMPLEMENTED, f"This release of the gateway does not serve {_ENDPOINTS[start]}.")
        if start in _PLANE:
            return Failure(Kind.NOT_IMPLEMENTED, f"{_ABSENT.format(start)}{_PLANE[start]}")
    return None
