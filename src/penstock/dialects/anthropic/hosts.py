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

_TAKEN_BY_BEDROCK: Final = (
    "computer-use-", "token-efficient-tools-", "interleaved-thinking-", "output-128k-", "dev-full-thinking-",
    "context-1m-", "context-management-", "effort-", "tool-search-tool-", "tool-examples-",
    "fine-grained-tool-streaming-", "compact-",
)  # fmt: skip
"""The beta features, without their dates, that Bedrock takes: any other name is refused with the whole request."""


def host_of(variant: str) -> Host:
    """The host by the variant of its dialect."""
    return _HOSTS.get(variant, _API)


def betas_for_bedrock(names: Iterable[str]) -> list[str]:
    """The names that Bedrock takes, in their order."""
    return [name for name in names if name.startswith(_TAKEN_BY_BEDROCK)]
