"""Both spellings of Google's parameters, and what becomes of the second."""

import pytest

from penstock.core.chat import ChatRequest
from penstock.core.parameters import Parameters
from penstock.dialects.gemini.spelling import camel, snake, spellings, take, take_object


@pytest.mark.parametrize(("json", "python"), [("safetySettings", "safety_settings"), ("seed", "seed")])
def test_one_name_in_two_spellings(json: str, python: str) -> None:
    assert (snake(json), camel(python)) == (python, json)


def test_the_first_that_was_given_counts() -> None:
    parameters = Parameters(ChatRequest("m", (), {"safety_settings": [1], "safetySettings": [2], "cachedContent": "c"}))
    taken = take(parameters, spellings("safetySettings", "cachedContent"))
    assert taken == {"safetySettings": [1], "cachedContent": "c"}
    assert parameters.dropped() == ("safetySettings",)


def test_an_objects_members_are_spelt_as_in_json() -> None:
    parameters = Parameters(ChatRequest("m", (), {"image_config": {"aspect_ratio": "1:1", "imageSize": "2K"}}))
    assert take_object(parameters, "imageConfig") == {"aspectRatio": "1:1", "imageSize": "2K"}


def test_what_is_no_object_is_refused() -> None:
    parameters = Parameters(ChatRequest("m", (), {"imageConfig": 1}))
    assert take_object(parameters, "imageConfig") == {}
    assert parameters.dropped() == ("image_config",)
