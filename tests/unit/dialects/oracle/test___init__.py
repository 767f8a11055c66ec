"""The envelope around the three shapes: compartment, serving mode, format."""

import json
from typing import Any

import pytest

from matrix import ask
from oracle_wire import COMMAND_A, COMMAND_R, GOAL, LLAMA, OPTIONS, chat, write
from penstock.core.failure import Failure, Kind
from penstock.dialects.dialect import Payload, WriteContext

# The envelope.


def test_the_envelope() -> None:
    payload = write(ask(), GOAL)
    assert isinstance(payload, Payload)
    assert json.loads(payload.body) == {
        "compartmentId": "ocid1.compartment",
        "servingMode": {"servingType": "ON_DEMAND", "modelId": LLAMA},
        "chatRequest": {
            "apiFormat": "GENERIC",
            "messages": [{"role": "USER", "content": [{"type": "TEXT", "text": "Hello"}]}],
        },
    }


def test_a_dedicated_endpoint_is_no_model() -> None:
    context = WriteContext("ocid1.endpoint", options={**OPTIONS, "oracle_serving_mode": "DEDICATED"})
    payload = write(ask(api_format="COHEREV2"), context)
    assert isinstance(payload, Payload)
    body = json.loads(payload.body)
    assert body["servingMode"] == {"servingType": "DEDICATED", "endpointId": "ocid1.endpoint"}
    assert body["chatRequest"]["apiFormat"] == "COHEREV2"


def test_no_compartment() -> None:
    failure = write(ask(), WriteContext(LLAMA))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.param) == (Kind.INVALID_CONFIG, "x-portkey-oracle-compartment-id")


@pytest.mark.parametrize("form", ["OPENAI", 7, ["GENERIC"]])
def test_no_such_format(form: Any) -> None:
    failure = write(ask(api_format=form), GOAL)
    assert isinstance(failure, Failure)
    assert failure.param == "api_format"


@pytest.mark.parametrize(
    ("model", "form"),
    [
        (LLAMA, "GENERIC"),
        ("xai.grok-4", "GENERIC"),
        ("ocid1.generativeaimodel.oc1", "GENERIC"),
        (COMMAND_A, "COHEREV2"),
        ("cohere.command-a-vision-07-2025", "COHEREV2"),
        ("cohere.command-latest", "COHEREV2"),
        (COMMAND_R, "COHERE"),
        ("cohere.command-plus-latest", "COHERE"),
    ],
)
def test_a_model_tells_its_format(model: str, form: str) -> None:
    assert chat(ask(), model)[0]["apiFormat"] == form
