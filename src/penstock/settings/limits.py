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
    strict_budgets_without_store: Annotated[
        Literal["closed", "open"],
        Meta(
            title="one of closed, open",
            description="What strict budgets do while the store of the counters is down: refuse, or let everything "
            "pass, which may cost any amount.",
        ),
    ] = "closed"
    budgets_without_store: Annotated[
        Literal["limited", "closed", "open"],
        Meta(
            title="one of limited, closed, open",
            description="What other budgets do meanwhile: each worker allows a hundredth of the limit, or they refuse, "
            "or let everything pass.",
        ),
    ] = "limited"
    rates_without_store: Annotated[
        Literal["local", "closed", "open"],
        Meta(
            title="one of local, closed, open",
            description="What rates and concurrency do meanwhile: each worker counts its share, or they refuse, or let "
            "everything pass.",
        ),
    ] = "local"
