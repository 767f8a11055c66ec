"""Anthropic's own API, and what its options are wherever Claude is hosted."""

from __future__ import annotations

from typing import Final

from penstock.auth.header import HeaderAuth
from penstock.core.operation import Operation
from penstock.providers.row import ANTHROPIC_WIRE, EndpointSpec, Option, Provider, resources

X_API_KEY: Final = HeaderAuth("x-api-key")

VERSION: Final = Option(
    "anthropic_version",
    "anthropic-version",
    default="2023-06-01",
    upstream_header="anthropic-version",
    bare_header="anthropic-version",
)
BETA: Final = Option("anthropic_beta", "anthropic-beta", upstream_header="anthropic-beta", bare_header="anthropic-beta")

ANTHROPIC: Final = Provider(
    "anthropic",
    "Anthropic",
    "https://api.anthropic.com/v1",
    "https://docs.anthropic.com/en/api/messages",
    {
        Operation.CHAT: (EndpointSpec("/messages", dialect=ANTHROPIC_WIRE),),
        # https://docs.anthropic.com/en/api/messages-count-tokens
        Operation.COUNT_TOKENS: (EndpointSpec("/messages/count_tokens", dialect=ANTHROPIC_WIRE),),
        # https://docs.anthropic.com/en/api/models-list
        Operation.MODELS: (EndpointSpec("/models?limit=1000", dialect=ANTHROPIC_WIRE),),
        # https://docs.anthropic.com/en/api/models: by its name or an alias, which the list lacks
        Operation.MODEL: (EndpointSpec("/models/{id}", dialect=ANTHROPIC_WIRE),),
    },
    auth=X_API_KEY,
    # https://docs.anthropic.com/en/api/creating-message-batches, https://docs.anthropic.com/en/api/files-create,
    # https://docs.anthropic.com/en/api/skills/create-skill
    resources=resources("messages/batches", "files", "skills"),
    env=("ANTHROPIC_API_KEY",),
    options=(
        VERSION,
        BETA,
        Option("anthropic_api_key", "anthropic-api-key", bare_header="x-api-key", secret=True, credential=X_API_KEY),
    ),
)
