"""A request on lane 1: what a host of OpenAI's wire refuses or calls otherwise."""

from __future__ import annotations

import pytest

from penstock.core.body import Body
from penstock.core.traits import Traits
from penstock.dialects.chat_quirks import ChatQuirks, Drop, Rename
from penstock.dialects.dialect import WriteContext
from penstock.dialects.openai.relay.request import fit_request, without_refused

BODY = Body.parse(b'{"model":"m","messages":[{"role":"developer","content":"x"}],"seed":7,"user":null,"logprobs":true}')
LINK = ("a reason", "https://example.com")


def test_a_host_without_quirks_gets_the_body_as_it_is() -> None:
    assert without_refused(BODY, ChatQuirks(developer_role=True))[0] is BODY


def test_renames_and_drops_are_reported() -> None:
    quirks = ChatQuirks(
        renames=(Rename("seed", "random_seed", *LINK), Rename("absent", "x", *LINK)),
        drops=(Drop("logprobs", *LINK), Drop("n", *LINK)),
        developer_role=True,
    )
    changed, dropped = without_refused(BODY, quirks)
    assert list(changed) == ["model", "messages", "random_seed", "user"]
    assert dropped == ("logprobs",)


def test_a_name_that_is_there_already_gives_way_and_is_named() -> None:
    body = Body.parse(b'{"max_tokens":1,"max_completion_tokens":2}')
    quirks = ChatQuirks(renames=(Rename("max_completion_tokens", "max_tokens", *LINK),))
    changed, dropped = without_refused(body, quirks)
    assert changed.encode() == b'{"max_tokens":2}'
    assert dropped == ("max_tokens",)


@pytest.mark.parametrize(
    ("messages", "sent"),
    [
        (b'[{"role": "developer", "content": 1.10}]', b'[{"role":"system","content":1.10}]'),
        (b'[ {"role":"user","content":"\\"developer\\""} ]', b'[ {"role":"user","content":"\\"developer\\""} ]'),
        (b'[{"name":"developer","role":"user"}]', b'[{"name":"developer","role":"user"}]'),
        (b'[{"role":"developer"}, 5]', b'[{"role":"developer"}, 5]'),
        (b'["developer"]', b'["developer"]'),
    ],
)
def test_the_developer_role_gets_its_older_name(messages: bytes, sent: bytes) -> None:
    changed, _ = without_refused(Body.parse(b'{"messages":' + messages + b"}"), ChatQuirks())
    assert changed.raw("messages") == sent


def test_the_limits_of_a_model_apply_where_the_host_says_so() -> None:
    body = Body.parse(b'{"model":"m","temperature":2,"messages":[]}')
    traits = Traits(refuses=frozenset({"temperature"}))
    for applies, dropped in ((True, ("temperature",)), (False, ())):
        context = WriteContext("m", "unit", traits, quirks=ChatQuirks(applies_model_limits=applies))
        fitted = fit_request(body, context)
        assert not hasattr(fitted, "kind")
        assert fitted.dropped == dropped
