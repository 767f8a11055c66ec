"""Lists of models in Anthropic's shape, page by page."""

from typing import Any

from penstock.dialects.anthropic.caller.model_list import MODEL_LISTS
from penstock.dialects.listed_models import ListedModel

MODELS = [ListedModel(name, "anthropic") for name in "abcd"]


def page(**query: str) -> tuple[list[str], bool]:
    found: dict[str, Any] = MODEL_LISTS.page(MODELS, query)
    ids = [each["id"] for each in found["data"]]
    assert (found["first_id"], found["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))
    return ids, found["has_more"]


def test_pages() -> None:
    assert page() == (["a", "b", "c", "d"], False)
    assert page(limit="2") == (["a", "b"], True)
    assert page(limit="2", after_id="b") == (["c", "d"], False)
    assert page(limit="2", before_id="d") == (["b", "c"], True)
    assert page(after_id="d") == ([], False)


def test_a_model() -> None:
    assert MODEL_LISTS.one(MODELS[0]) == {
        "type": "model", "id": "a", "display_name": "a", "created_at": "1970-01-01T00:00:00Z",
    }  # fmt: skip
