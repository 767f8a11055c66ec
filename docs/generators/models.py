"""docs/models.md, from the rows of traits/."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from generators.table import NOTE, codes, table
from penstock.core.traits import Traits
from penstock.traits.resolve import ROWS
from penstock.traits.row import Row

_MODELS: Final = f"""\
# Models

{NOTE}

What is known of families of models, as far as it changes what the gateway sends. A row is about every model whose name
begins so (`*` stands for anything, `#` for a digit), whatever a host puts around the name: regions, makers, paths and
versions. The first row that fits decides; a model that no row fits is taken to accept everything.

"""


def models_page() -> str:
    """docs/models.md, from the rows of traits/."""
    rows = [
        (
            f"`{row.pattern}`" + (f" at `{row.provider}`" if row.provider else ""),
            row.traits.family,
            "; ".join([*_facts(row.traits), *_facts_elsewhere(row)]) or "nothing special",
            f"[source]({row.link})" + (f" {row.reason}" if row.reason else ""),
        )
        for row in ROWS
    ]
    return _MODELS + table(("models", "family", "what is known", "source"), rows)


def _facts_elsewhere(row: Row) -> Iterator[str]:
    """What such models refuse at one provider only."""
    for provider, names in row.refuses_at.items():
        yield f"at `{provider}` refuses {codes(', '.join(sorted(names)))}"


def _facts(traits: Traits) -> Iterator[str]:
    """What sets a family apart from a model that takes everything."""
    if traits.max_completion_tokens is not None:
        yield f"`{'max_completion_tokens' if traits.max_completion_tokens else 'max_tokens'}` only"
    if traits.output_limit is not None:
        yield f"answers of up to {traits.output_limit:,} tokens"
    yield from _thinking_facts(traits)
    for names, text in ((traits.refuses, "refuses"), (traits.refuses_thinking, "while thinking refuses")):
        if names:
            yield f"{text} {codes(', '.join(sorted(names)))}"
    if traits.one_of_sampling:
        yield "`temperature` or `top_p`, not both"
    if traits.forced_tools and traits.forced_while_thinking:
        yield "can be made to call a tool while it thinks"
    if traits.refuses_budget:
        yield "refuses `thinking.budget_tokens`"
    lacking = [name for name in _CAN if not getattr(traits, name)]
    if lacking:
        yield "no " + ", ".join(_CAN[name] for name in lacking)


_CAN: Final = {
    "tools": "tools",
    "forced_tools": "forced tool calls",
    "streams_tools": "tools in streams",
    "vision": "images",
    "documents": "documents",
    "json_schema": "JSON schemas",
    "json_with_tools": "JSON with tools",
    "prefill": "prefill",
    "system_role": "system messages",
}
_THINKS: Final = {
    "none": "",
    "budget": "thinks within a budget",
    "adaptive": "thinks by itself, with an effort",
    "level": "thinks at a level",
    "effort": "thinks by effort",
    "switch": "thinking is on or off",
}


def _thinking_facts(traits: Traits) -> Iterator[str]:
    words = traits.efforts or {word: f"{budget:,}" for word, budget in traits.budgets.items()}
    if traits.thinking != "none":
        told = ", ".join(f"{word} → {known}" if word != known else word for word, known in words.items())
        yield _THINKS[traits.thinking] + (f" ({told})" if told else "")
        if not traits.can_stop_thinking:
            yield "can't be stopped from thinking"
