"""Endpoints that clients of OpenAI's, Portkey's and other APIs know and that this release doesn't have.

A 404 would make a client blame the model's name or the base URL. A row goes when its endpoint is built.
Sources: OpenAI API reference; docs/portkey.md.
"""

from __future__ import annotations

import re
from typing import Final

from penstock.core.failure import Failure, Kind

_ADMIN: Final = "the admin API here: it is off, or on another port (admin.listen)"
_ENDPOINTS: Final[dict[str, str]] = {
    "/v1/realtime": "the Realtime API over WebSocket",
    "/v2/chat": "Cohere's chat API: use /v1/chat/completions",
    "/v1beta/files": "Gemini's files",
    "/v1beta/cachedContents": "Gemini's cached contents",
    "/v1beta/interactions": "Gemini's interactions: use generateContent",
    "/v1beta/batches": "Gemini's batches",
    "/upload/v1beta": "Gemini's files",
    "/model": "Bedrock's API: use /v1/chat/completions",
    "/api/chat": "Ollama's API: use /v1/chat/completions",
    "/api/generate": "Ollama's API: use /v1/chat/completions",
    "/api/tags": "Ollama's API: use /v1/models",
    "/v1/prompts": "stored prompts",
    "/v1/configs": f"{_ADMIN}. Configs can be set in penstock.toml",
    "/v1/virtual-keys": f"{_ADMIN}. Virtual keys can be set in penstock.toml",
    "/v1/api-keys": f"{_ADMIN}. Gateway keys can be set in penstock.toml",
    "/v1/integrations": _ADMIN,
    "/v1/guardrails": "guardrails",
    "/v1/feedback": "feedback",
    "/v1/logs": "the request log",
    "/v1/analytics": "analytics",
}


_VERB: Final = re.compile(
    r":(embedContent|batchEmbedContents|asyncBatchEmbedContent|batchGenerateContent|predict|predictLongRunning|"
    r"bidiGenerateContent|generateAnswer|rawPredict|streamRawPredict)\Z"
)
"""Verbs of Google's paths, which stand behind the name of a model."""


def not_built(path: str) -> Failure | None:
    """The failure for an endpoint that clients know and this release doesn't have; None for any other path."""
    verb = _VERB.search(path)
    if verb is not None:
        return Failure(Kind.NOT_IMPLEMENTED, f"This release of the gateway does not serve Gemini's {verb[1]}.")
    segments = path.split("/")
    for count in (3, 4, 2):
        what = _ENDPOINTS.get("/".join(segments[:count]))
        if what is not None:
            return Failure(Kind.NOT_IMPLEMENTED, f"This release of the gateway does not serve {what}.")
    return None
