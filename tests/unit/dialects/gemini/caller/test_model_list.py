"""Lists of models in Gemini's shape, page by page."""

from penstock.dialects.gemini.caller.model_list import MODEL_LISTS
from penstock.dialects.listed_models import ListedModel

MODELS = [ListedModel("a/b", "google", 10), ListedModel("c", "openai")]


def test_unknown_limits_are_left_out() -> None:
    first, second = MODEL_LISTS.page(MODELS, {})["models"]
    assert (first["name"], first["outputTokenLimit"]) == ("models/a/b", 10)
    assert "outputTokenLimit" not in second
    assert MODEL_LISTS.one(MODELS[1]) == second


def test_pages() -> None:
    page = MODEL_LISTS.page(MODELS, {"pageSize": "1"})
    assert ([each["name"] for each in page["models"]], page["nextPageToken"]) == (["models/a/b"], "1")
    last = MODEL_LISTS.page(MODELS, {"pageSize": "1", "pageToken": "1"})
    assert ([each["name"] for each in last["models"]], "nextPageToken" in last) == (["models/c"], False)
    assert len(MODEL_LISTS.page(MODELS, {"pageSize": "x", "pageToken": "y"})["models"]) == 2
