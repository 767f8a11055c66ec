"""Lists of models as Ollama's clients read them."""

from penstock.dialects.listed_models import ListedModel
from penstock.dialects.ollama.caller.model_list import MODEL_LISTS


def test_a_list_and_a_model() -> None:
    known, unknown = ListedModel("gpt-5", "openai", 9, "gpt-5", ("tools", "vision")), ListedModel("x", "p")
    first, second = MODEL_LISTS.page([known, unknown], {})["models"]
    assert (first["name"], first["model"], first["details"]["families"]) == ("gpt-5", "gpt-5", ["gpt-5"])
    assert (second["details"]["family"], first["digest"] == second["digest"]) == ("p", False)
    assert MODEL_LISTS.one(known)["capabilities"] == ["completion", "tools", "vision"]
    assert MODEL_LISTS.one(unknown)["capabilities"] == ["completion"]
