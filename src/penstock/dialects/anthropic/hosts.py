"""What the hosts of Anthropic Messages want otherwise than Anthropic's own API, on either lane.

Sources: Claude docs, "Claude on Vertex AI", "Claude on Amazon Bedrock"; Amazon Bedrock user guide, "Anthropic Claude
Messages API" (the beta features that it takes).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec


class Host(msgspec.Struct, frozen=True):
    """Where the body of a request differs. ``version`` stands in the body, unless it is empty."""

    version: str = ""
    names_model: bool = True
    names_stream: bool = True
    betas_in_body: bool = False
    has_tiers: bool = True
    searches: bool = True

    def body_version(self, candidates: Iterable[Any]) -> str:
        """The ``anthropic_version`` of the body: the first candidate of the host's own kind, else its usual one."""
        kind = self.version.partition("-")[0]
        fitting = (value for value in candidates if isinstance(value, str) and value.startswith(f"{kind}-"))
        return next(fitting, self.version)


_API: Final = Host()
_HOSTS: Final[Mapping[str, Host]] = {
    "vertex": Host("vertex-2023-10-16", names_model=False, has_tiers=False),
    "bedrock": Host(
        "bedrock-2023-05-31", names_model=False, names_stream=False, betas_in_body=True, has_tiers=False, searches=False
    ),
}

_TAKEN_BY_BEDROCK: Final = frozenset(
    """
    computer-use-2024-10-22 computer-use-2025-01-24 computer-use-2025-11-24 token-efficient-tools-2025-02-19
    interleaved-thinking-2025-05-14 output-128k-2025-02-19 dev-full-thinking-2025-05-14 context-1m-2025-08-07
    context-management-2025-06-27 effort-2025-11-24 tool-search-tool-2025-10-19 tool-examples-2025-10-29
    fine-grained-tool-streaming-2025-05-14 compact-2026-01-12
    """.split()
)
"""The beta features that Bedrock takes. Any other name, or another date, is refused with the whole request ("invalid
beta flag"); some models take fewer.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
(``anthropic_beta``); https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-compaction.html;
fine-grained tool streaming: https://github.com/vercel/ai/pull/17179; computer use of 2025-11-24:
https://github.com/BerriAI/litellm/blob/main/litellm/anthropic_beta_headers_config.json."""


def host_of(variant: str) -> Host:
    """The host by the variant of its dialect."""
    return _HOSTS.get(variant, _API)


def betas_for_bedrock(names: Iterable[str]) -> list[str]:
    """The names that Bedrock takes, in their order."""
    return [name for name in names if name in _TAKEN_BY_BEDROCK]
