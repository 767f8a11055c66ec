"""Metrics of calls of models in each version of the conventions."""

from __future__ import annotations

from penstock.observe.metrics import families
from penstock.observe.metrics.families import Family, Labels
from penstock.observe.telemetry.model_metrics import in_version

CHAT, EMBEDDINGS = ("chat", "openai", "m"), ("embeddings", "openai", "e")
NUMBERS = [7.0, 1.0, 0.0]
TOKENS: dict[Labels, list[float]] = {
    (*CHAT, "input"): [7.0, 2.0],
    (*CHAT, "output"): [3.0, 2.0],
    (*EMBEDDINGS, "input"): [5.0, 1.0],
    (*EMBEDDINGS, "output"): [0.0, 1.0],
}


def names(family: Family, points: dict[Labels, list[float]], version: str = "latest") -> list[str]:
    return [each.name for each, _ in in_version(family, points, version)]


def test_a_metric_of_the_gateways_own_is_the_same_in_all() -> None:
    for version in ("latest", "1.36"):
        assert list(in_version(families.COST, {("a", "b"): [1.0]}, version)) == [(families.COST, {("a", "b"): [1.0]})]


def test_an_older_version_has_the_older_names_and_fewer_of_them() -> None:
    ((family, points),) = in_version(families.GEN_AI_TOKENS, TOKENS, "1.36")
    assert (family.name, points) == ("gen_ai.client.token.usage", TOKENS)
    assert family.labels == ("gen_ai.operation.name", "gen_ai.system", "gen_ai.request.model", "gen_ai.token.type")
    assert names(families.GEN_AI_DURATION, {(*CHAT, ""): NUMBERS}, "1.36") == ["gen_ai.client.operation.duration"]
    assert names(families.GEN_AI_FIRST_CHUNK, {CHAT: NUMBERS}, "1.36") == []


def test_the_latest_tells_inference_from_embeddings() -> None:
    both: dict[Labels, list[float]] = {(*CHAT, "timeout"): NUMBERS, (*EMBEDDINGS, ""): NUMBERS}
    inference, embeddings = in_version(families.GEN_AI_DURATION, both, "latest")
    assert (inference[0].name, inference[1]) == ("gen_ai.client.inference.duration", {(*CHAT, "timeout"): NUMBERS})
    assert (embeddings[0].name, embeddings[1]) == ("gen_ai.client.embeddings.duration", {(*EMBEDDINGS, ""): NUMBERS})
    assert inference[0].labels == families.GEN_AI_DURATION.labels
    assert names(families.GEN_AI_FIRST_CHUNK, {CHAT: NUMBERS}) == ["gen_ai.client.inference.time_to_first_chunk"]


def test_the_latest_has_tokens_of_calls_and_their_sums() -> None:
    found = {family.name: (family, points) for family, points in in_version(families.GEN_AI_TOKENS, TOKENS, "latest")}
    assert {name: points for name, (_, points) in found.items()} == {
        "gen_ai.client.inference.operation.input_tokens": {CHAT: [7.0, 2.0]},
        "gen_ai.client.inference.usage.input_tokens": {CHAT: [7.0]},
        "gen_ai.client.inference.operation.output_tokens": {CHAT: [3.0, 2.0]},
        "gen_ai.client.inference.usage.output_tokens": {CHAT: [3.0]},
        "gen_ai.client.embeddings.operation.input_tokens": {EMBEDDINGS: [5.0, 1.0]},
    }
    assert {family.labels for family, _ in found.values()} == {families.GEN_AI_FIRST_CHUNK.labels}
    assert {family.unit for family, _ in found.values()} == {"{token}"}
    assert found["gen_ai.client.inference.usage.input_tokens"][0].kind == "counter"
