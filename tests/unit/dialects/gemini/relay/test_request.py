"""Requests on their way to a host of Gemini."""

import json
from typing import Any

from penstock.core.body import Body
from penstock.core.chat import Owner
from penstock.core.failure import Failure, Kind
from penstock.dialects.caller import FittedRequest
from penstock.dialects.dialect import WriteContext
from penstock.dialects.envelope import ON_CALL, Block, Envelope, seal
from penstock.dialects.gemini.relay.request import fit_request

GOOGLE = WriteContext("gemini-3-pro", "google")
VERTEX = WriteContext("gemini-3-pro", "vertex-ai", variant="vertex")


def fitted(body: bytes, context: WriteContext = GOOGLE) -> bytes:
    found = fit_request(Body.parse(body), context)
    assert isinstance(found, FittedRequest), found
    assert found.dropped == ()
    return found.body.encode()


def parts(*given: Any, context: WriteContext = GOOGLE) -> Any:
    body = {"model": "m", "stream": False, "contents": [{"role": "model", "parts": list(given)}]}
    contents = json.loads(fitted(json.dumps(body).encode(), context))["contents"]
    return contents[0]["parts"] if contents else None


def test_the_address_names_model_and_form() -> None:
    body = b'{"model":"m","stream":true,"contents":[ {"parts":[]} ],"x": 1.0}'
    assert fitted(body) == b'{"contents":[ {"parts":[]} ],"x":1.0}'


def test_a_configs_parameters_go_into_googles_place() -> None:
    body = b'{"contents":[],"max_tokens":5,"stop":"E","generation_config":{"max_output_tokens":9,"top_k":1}}'
    assert json.loads(fitted(body)) == {
        "contents": [],
        "generation_config": {"top_k": 1, "maxOutputTokens": 5, "stopSequences": ["E"]},
    }
    assert fitted(b'{"contents":[],"generationConfig":null,"top_p":1}') == (
        b'{"contents":[],"generationConfig":{"topP":1}}'
    )


def test_a_counted_request_names_the_model_again() -> None:
    body = b'{"generateContentRequest":{"model":"models/x","contents":[]}}'
    assert fitted(body) == b'{"generateContentRequest":{"model":"models/gemini-3-pro","contents":[]}}'


def test_foreign_envelopes_are_taken_off() -> None:
    call = {"functionCall": {"name": "f"}}
    foreign = seal(Envelope(Owner.ANTHROPIC, "c", (Block("T", "s"),)))
    own = seal(Envelope(Owner.GOOGLE, "g", (Block(signature="mine", place=ON_CALL),)))
    assert parts({**call, "thoughtSignature": foreign}, {"text": "", "thought_signature": foreign}) == [
        {**call, "thoughtSignature": "skip_thought_signature_validator"}
    ]
    assert parts({"text": "a", "thoughtSignature": foreign}) == [{"text": "a"}]
    assert parts({**call, "thoughtSignature": own}) == [{**call, "thoughtSignature": "mine"}]
    assert parts({"text": "", "thoughtSignature": foreign}) is None
    kept = [{**call, "thoughtSignature": "AbC"}, {"text": f'"{foreign}'}]
    assert parts(*kept) == kept


def test_vertex_knows_no_ids_of_calls() -> None:
    call = {"function_call": {"id": "1", "name": "f", "args": {"id": "2"}}}
    answer = {"functionResponse": {"id": "1", "name": "f", "response": {}}}
    assert parts(call, answer, {"text": "id"}, context=VERTEX) == [
        {"function_call": {"name": "f", "args": {"id": "2"}}},
        {"functionResponse": {"name": "f", "response": {}}},
        {"text": "id"},
    ]
    assert parts(call, answer) == [call, answer]


def test_what_can_not_be_read_is_a_failure_or_the_hosts_to_judge() -> None:
    found = fit_request(Body.parse(b'{"generationConfig":[],"top_p":1}'), GOOGLE)
    assert isinstance(found, Failure)
    assert found.kind is Kind.INVALID_JSON
    odd = b'{"contents":[3,"\\"thoughtSignature\\": \\"cG5zdGsx"]}'
    assert fitted(odd) == odd
    assert fitted(b'{"contents":{"parts":3,"thoughtSignature":"cG5zdGsx"}}').startswith(b'{"contents":')
