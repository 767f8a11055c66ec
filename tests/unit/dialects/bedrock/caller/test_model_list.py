"""Lists of models and of profiles as Bedrock's clients read them."""

from penstock.dialects.bedrock.caller.model_list import MODELS, PROFILES
from penstock.dialects.listed_models import ListedModel

SEEING, PLAIN = ListedModel("@team/claude-x", "anthropic", abilities=("vision",), name="Claude"), ListedModel("m", "p")


def test_foundation_models() -> None:
    lists = MODELS.writing.models
    assert lists is not None
    first, second = lists.page([SEEING, PLAIN], {})["modelSummaries"]
    assert (first["modelId"], first["modelName"], first["inputModalities"]) == (
        "@team/claude-x", "Claude", ["TEXT", "IMAGE"],
    )  # fmt: skip
    assert first["modelArn"].endswith("foundation-model/%40team%2Fclaude-x")
    assert second["inputModalities"] == ["TEXT"]
    assert lists.one(PLAIN) == {"modelDetails": second}


def test_profiles() -> None:
    lists = PROFILES.writing.models
    assert lists is not None
    (profile,) = lists.page([PLAIN], {"type": "SYSTEM_DEFINED"})["inferenceProfileSummaries"]
    assert profile == lists.one(PLAIN)
    assert (profile["inferenceProfileId"], profile["type"], len(profile["models"])) == ("m", "SYSTEM_DEFINED", 1)
    assert lists.page([PLAIN], {"type": "APPLICATION"}) == {"inferenceProfileSummaries": []}
