"""Which models of the list a query selects."""

from __future__ import annotations

import pytest

from penstock.core.failure import Failure
from penstock.dialects.listed_models import ListedModel
from penstock.pipeline.models.model_selection import selected

MODELS = [ListedModel("@prod/b", "openai"), ListedModel("anthropic/a", "anthropic"), ListedModel("c", "openai")]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, ["@prod/b", "anthropic/a", "c"]),
        ({"foreign": "1", "limit": ""}, ["@prod/b", "anthropic/a", "c"]),
        ({"provider": "openai"}, ["@prod/b", "c"]),
        ({"provider": "@prod"}, ["@prod/b"]),
        ({"ai_service": "anthropic"}, ["anthropic/a"]),
        ({"ai_service": "nobody"}, []),
        ({"sort": "name"}, ["@prod/b", "anthropic/a", "c"]),
        ({"order": "desc"}, ["c", "anthropic/a", "@prod/b"]),
        ({"sort": "provider"}, ["anthropic/a", "@prod/b", "c"]),
        ({"limit": "1"}, ["@prod/b"]),
        ({"limit": "1", "offset": "1"}, ["anthropic/a"]),
        ({"offset": "9"}, []),
        ({"limit": "0"}, []),
    ],
)
def test_what_is_selected(query: dict[str, str], ids: list[str]) -> None:
    found = selected(MODELS, query)
    assert not isinstance(found, Failure)
    assert [each.id for each in found] == ids


@pytest.mark.parametrize("query", [{"limit": "-1"}, {"offset": "x"}, {"sort": "age"}, {"order": "up"}])
def test_what_cant_be_used_is_told(query: dict[str, str]) -> None:
    found = selected(MODELS, query)
    assert isinstance(found, Failure)
    assert found.param == next(iter(query))
