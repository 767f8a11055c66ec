"""The settings of budgets and rate limits."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


class Limits(Struct, frozen=True):
    """Budgets and rate limits: docs/limits.md."""

    week_starts: Annotated[
        Literal["sunday", "monday"] | None,
        Meta(
            title="one of sunday, monday",
            description="Day on which all weekly budgets begin, at 00:00 UTC. Unset: Sunday for keys, workspaces, "
            "providers and integrations, Monday for policies.",
            examples=["monday"],
        ),
    ] = None
