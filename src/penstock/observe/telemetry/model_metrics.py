"""The metrics of calls of models under the names that a version of the conventions has for them.

They are counted once, under the names of 1.36; ``latest`` tells inference and embeddings apart, and input tokens from
output tokens, by the names of its metrics:
https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/client-inference.md#metrics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from penstock.observe.metrics.families import GEN_AI_DURATION, GEN_AI_FIRST_CHUNK, GEN_AI_TOKENS, Family, Labels
from penstock.observe.telemetry.conventions import PROVIDER_NAME, SYSTEM

Points = Mapping[Labels, Sequence[float]]
"""The numbers of series by their labels; of a histogram the sum comes first."""

_EMBEDDINGS: Final = "embeddings"
_INFERENCE: Final = "inference"


def in_version(family: Family, points: Points, version: str) -> Iterator[tuple[Family, Points]]:
    """A family and its points as a version of the conventions has them: as none, one or several families."""
    if not family.is_of_otlp:
        yield family, points
    elif version == "latest":
        yield from _latest(family, points)
    elif family.name != GEN_AI_FIRST_CHUNK.name:
        labels = tuple([SYSTEM if label == PROVIDER_NAME else label for label in family.labels])
        yield msgspec.structs.replace(family, labels=labels), points


def _latest(family: Family, points: Points) -> Iterator[tuple[Family, Points]]:
    for what, some in _by_operation(points).items():
        if family.name == GEN_AI_TOKENS.name:
            yield from _tokens(family, some, what)
        elif family.name == GEN_AI_DURATION.name:
            yield msgspec.structs.replace(family, name=f"gen_ai.client.{what}.duration"), some
        elif what == _INFERENCE:
            yield msgspec.structs.replace(family, name="gen_ai.client.inference.time_to_first_chunk"), some


def _tokens(family: Family, points: Points, what: str) -> Iterator[tuple[Family, Points]]:
    """Tokens of each call, and their sums. Embeddings have no output, and no sums."""
    for kind in ("input", "output") if what == _INFERENCE else ("input",):
        calls = {labels[:-1]: numbers for labels, numbers in points.items() if labels[-1] == kind}
        if not calls:
            continue
        of_kind = msgspec.structs.replace(
            family,
            name=f"gen_ai.client.{what}.operation.{kind}_tokens",
            help=f"{kind.capitalize()} tokens of a call.",
            labels=family.labels[:-1],
        )
        yield of_kind, calls
        if what == _INFERENCE:
            sums = msgspec.structs.replace(
                of_kind,
                name=f"gen_ai.client.inference.usage.{kind}_tokens",
                kind="counter",
                help=f"{kind.capitalize()} tokens.",
                buckets=(),
            )
            yield sums, {labels: numbers[:1] for labels, numbers in calls.items()}


def _by_operation(points: Points) -> dict[str, dict[Labels, Sequence[float]]]:
    """Points of inference and of embeddings: the operation is the first label."""
    found: dict[str, dict[Labels, Sequence[float]]] = {}
    for labels, numbers in points.items():
        found.setdefault(_EMBEDDINGS if labels[0] == _EMBEDDINGS else _INFERENCE, {})[labels] = numbers
    return found
