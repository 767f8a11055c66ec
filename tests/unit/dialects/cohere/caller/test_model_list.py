"""Lists of models as Cohere's clients read them."""

from penstock.dialects.cohere.caller.model_list import MODEL_LISTS
from penstock.dialects.listed_models import ListedModel


def test_a_list_and_a_model() -> None:
    model = ListedModel("command-a", "cohere", abilities=("tools",))
    (listed,) = MODEL_LISTS.page([model], {})["models"]
    assert listed == MODEL_LISTS.one(model)
    assert (listed["name"], listed["endpoints"], listed["features"]) == ("command-a", ["chat"], ["tools"])
    assert MODEL_LISTS.page([model], {"endpoint": "embed"}) == {"models": []}
