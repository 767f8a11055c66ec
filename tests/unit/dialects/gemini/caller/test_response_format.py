"""The form of the answer in Google's three forms, in either spelling."""

from __future__ import annotations

from typing import Any

import pytest

from gemini_caller import asked, parameters, refused
from penstock.core.chat import Format
from penstock.core.parameters import Parameters

SCHEMA = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
READ = Format("json_schema", schema=b'{"type":"object","properties":{"a":{"type":"string"}}}')


@pytest.mark.parametrize("name", ["responseSchema", "responseJsonSchema", "response_json_schema"])
def test_a_schema_beside_the_media_type(name: str) -> None:
    assert parameters(responseMimeType="application/json", **{name: SCHEMA})["response_format"] == READ


@pytest.mark.parametrize("name", ["responseFormat", "response_format"])
@pytest.mark.parametrize("mime", ["application/json", "APPLICATION_JSON", None])
def test_a_schema_in_a_form_of_text(name: str, mime: str | None) -> None:
    form = {"text": {"mime_type": mime, "schema": SCHEMA}}
    assert parameters(**{name: [form]})["response_format"] == READ
    assert parameters(**{name: form})["response_format"] == READ


def test_json_without_a_schema() -> None:
    assert parameters(responseMimeType="application/json")["response_format"] == Format("json_object")
    form = {"text": {"mimeType": "APPLICATION_JSON"}}
    assert parameters(responseFormat=[form])["response_format"] == Format("json_object")


@pytest.mark.parametrize("text", [{}, {"mimeType": "text/plain"}, {"mimeType": "TEXT_PLAIN"}, {"mimeType": 7}])
def test_plain_text(text: dict[str, Any]) -> None:
    assert "response_format" not in parameters(responseFormat=[{"text": text}])
    assert "response_format" not in parameters(responseMimeType="text/plain")
    assert "response_format" not in asked().parameters


def test_what_is_said_of_other_media_is_named() -> None:
    forms = [{"text": {"schema": SCHEMA}}, {"image": {"aspectRatio": "ASPECT_RATIO_ONE_BY_ONE"}, "audio": None}]
    request = asked(generationConfig={"responseFormat": forms})
    assert request.parameters["response_format"] == READ
    own = Parameters(request)
    own.format()
    assert own.dropped() == ("generationConfig.responseFormat[1].image",)


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"responseMimeType": 7}, "generationConfig.responseMimeType"),
        ({"responseSchema": "x"}, "generationConfig.responseSchema"),
        ({"responseFormat": 7}, "generationConfig.responseFormat"),
        ({"responseFormat": [7]}, "generationConfig.responseFormat"),
        ({"responseFormat": [{"text": 7}]}, "generationConfig.responseFormat[0].text"),
        ({"responseFormat": [{"text": {"schema": 7}}]}, "generationConfig.responseFormat[0].text.schema"),
    ],
)
def test_what_has_no_form_is_told_with_its_place(config: dict[str, Any], place: str) -> None:
    assert refused(generationConfig=config).param == place
