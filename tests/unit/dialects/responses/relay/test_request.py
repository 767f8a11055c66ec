"""A request on lane 1: untouched, but for thoughts that another maker signed."""

from __future__ import annotations

import json

from penstock.core.body import Body
from penstock.core.chat import Owner
from penstock.core.failure import Failure
from penstock.dialects.caller import FittedRequest
from penstock.dialects.dialect import WriteContext
from penstock.dialects.envelope import MARK, Block, Envelope, seal
from penstock.dialects.responses.relay.request import fit_request, fits_of

CONTEXT = WriteContext("m")


def fitted(data: bytes) -> FittedRequest:
    body, rule = Body.parse(data), fits_of(CONTEXT)
    got = fit_request(body, CONTEXT)
    assert not isinstance(got, Failure)
    assert not rule.holds(body) or (got.body is body and not got.dropped)
    return got


def test_bytes_pass() -> None:
    data = b'{"model":"m","input":[ {"role": "user", "content": "hi" } ],"new":1.50}'
    assert fits_of(CONTEXT).holds(Body.parse(data))
    assert fitted(data) == FittedRequest(Body.parse(data)) or fitted(data).body.encode() == data


def test_foreign_thoughts_are_left_out_and_named() -> None:
    foreign = seal(Envelope(Owner.ANTHROPIC, "claude", (Block(signature="s"),)))
    own = seal(Envelope(Owner.OPENAI, "gpt", (Block(data="gAAA"),)))
    items = [
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "summary": [], "encrypted_content": foreign},
        {"type": "reasoning", "summary": [], "encrypted_content": own},
        {"type": "reasoning", "summary": [], "encrypted_content": "gBBB"},
    ]
    got = fitted(json.dumps({"model": "m", "input": items}).encode())
    assert got.dropped == ("input[1]",)
    kept = json.loads(got.body.encode())["input"]
    assert [item.get("encrypted_content") for item in kept] == [None, "gAAA", "gBBB"]


def test_what_only_looks_like_one() -> None:
    data = json.dumps({"model": "m", "input": MARK}).encode()
    assert fitted(data).body.encode() == data.replace(b'": "', b'":"').replace(b'", "', b'","')
