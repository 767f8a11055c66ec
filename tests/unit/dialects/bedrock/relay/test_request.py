"""A request on its way to Converse: its values keep their bytes, foreign thoughts stay here."""

from __future__ import annotations

import json
from typing import Any

from converse_caller import HI, assistant, user
from penstock.core.body import Body
from penstock.core.chat import Owner
from penstock.core.failure import Failure
from penstock.dialects.bedrock.caller.model_fields import FIELDS
from penstock.dialects.bedrock.relay.request import fit_request
from penstock.dialects.caller import FittedRequest
from penstock.dialects.dialect import WriteContext
from penstock.dialects.envelope import ON_CALL, Block, Envelope, seal

USE = {"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}
RESULT = {"toolResult": {"toolUseId": "t", "content": [{"text": "so"}]}}


def fitted(data: bytes) -> FittedRequest:
    found = fit_request(Body.parse(data), WriteContext("m"))
    assert isinstance(found, FittedRequest), found
    return found


def sent(**members: Any) -> Any:
    return json.loads(fitted(json.dumps(members).encode()).body.encode())


def sealed(owner: str, **block: str) -> dict[str, Any]:
    signature = seal(Envelope(owner, "m", (Block(**block),)))
    return {"reasoningContent": {"reasoningText": {"text": "hm", "signature": signature}}}


def test_only_what_the_address_says_is_left_out() -> None:
    found = fitted(b'{"messages": [ {"x": 1e400} ],"model":"m","stream":true,"new": 1.10}')
    assert found.body.encode() == b'{"messages":[ {"x": 1e400} ],"new":1.10}'
    assert (found.dropped, found.headers) == ((), ())


def test_a_configs_parameters_stand_where_converse_wants_them() -> None:
    told = sent(inferenceConfig={"maxTokens": 9, "topP": 1}, max_tokens=5, stop="x")
    assert told == {"inferenceConfig": {"maxTokens": 5, "topP": 1, "stopSequences": ["x"]}}
    assert sent(temperature=0.5) == {"inferenceConfig": {"temperature": 0.5}}


def test_foreign_thoughts_stay_here_and_claudes_come_out_of_their_envelope() -> None:
    own = {"reasoningContent": {"reasoningText": {"text": "t", "signature": "raw"}}}
    messages = [
        HI,
        assistant(sealed(Owner.GOOGLE, signature="g"), {"text": "a"}),
        assistant(sealed(Owner.OPENAI, data="o")),
        assistant(own, sealed(Owner.ANTHROPIC, signature="s"), sealed(Owner.GOOGLE, signature="g", place=ON_CALL), USE),
    ]
    told = sent(messages=messages)["messages"]
    assert told == [
        HI,
        assistant({"text": "a"}),
        assistant(own, {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}, USE),
    ]


def test_thinking_goes_where_a_call_is_left_without_a_thought() -> None:
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 2000}, "top_k": 5}
    body = {"messages": [HI, assistant(sealed(Owner.GOOGLE, signature="g"), USE), user(RESULT)], FIELDS: thinking}
    found = fitted(json.dumps(body).encode())
    assert found.dropped == (f"{FIELDS}.thinking",)
    assert json.loads(found.body.encode())[FIELDS] == {"top_k": 5}
    body["messages"][-1] = HI  # type: ignore[index]
    assert fitted(json.dumps(body).encode()).dropped == ()


def test_what_can_not_be_read_is_told() -> None:
    assert isinstance(fit_request(Body({"inferenceConfig": b"1", "stop": b'"x"'}), WriteContext("m")), Failure)
