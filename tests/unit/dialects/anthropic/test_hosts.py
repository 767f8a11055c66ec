"""What Vertex AI and Bedrock want otherwise than Anthropic's own API."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.dialects.anthropic.hosts import Host, betas_for_bedrock, host_of


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("", Host()),
        ("unknown", Host()),
        ("vertex", Host("vertex-2023-10-16", names_model=False, has_tiers=False)),
        (
            "bedrock",
            Host(
                "bedrock-2023-05-31",
                names_model=False,
                names_stream=False,
                betas_in_body=True,
                has_tiers=False,
                searches=False,
            ),
        ),
    ],
)
def test_a_host_by_its_variant(variant: str, expected: Host) -> None:
    assert host_of(variant) == expected


@pytest.mark.parametrize(
    ("variant", "candidates", "version"),
    [
        ("bedrock", (), "bedrock-2023-05-31"),
        ("bedrock", (None, 1, "2023-06-01", "vertex-2023-10-16"), "bedrock-2023-05-31"),
        ("bedrock", ("2023-06-01", "bedrock-2027-01-01", "bedrock-2028-01-01"), "bedrock-2027-01-01"),
        ("vertex", ("bedrock-2027-01-01", "vertex-2027-01-01"), "vertex-2027-01-01"),
    ],
)
def test_the_version_of_a_body_is_one_of_the_hosts_own(variant: str, candidates: tuple[Any, ...], version: str) -> None:
    assert host_of(variant).body_version(candidates) == version


def test_bedrock_gets_the_beta_features_that_it_takes_in_their_order() -> None:
    names = ["interleaved-thinking-2025-05-14", "claude-code-20250219", "compact-2026-01-12", "files-api-2025-04-14"]
    assert betas_for_bedrock(names) == ["interleaved-thinking-2025-05-14", "compact-2026-01-12"]


@pytest.mark.parametrize("name", ["compact-2026-09-04", "compact-", "x-context-1m-2025-08-07", ""])
def test_bedrock_gets_no_name_that_is_only_like_one_it_takes(name: str) -> None:
    assert betas_for_bedrock([name]) == []
