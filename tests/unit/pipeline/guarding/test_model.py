"""What a check is told of the model that it asks, and who may ask whom."""

from __future__ import annotations

import asyncio
import json

import pytest

from penstock.core.failure import Failure, Kind
from penstock.core.operation import Operation
from penstock.core.outcome import Outcome, failed
from penstock.core.permissions import EVERYTHING
from penstock.dialects.registry import CALLERS
from penstock.guards.base import CheckError, ModelQuestion, ModelReply
from penstock.observe.record import Records
from penstock.pipeline.account import Account
from penstock.pipeline.authenticate import Caller
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.guarding.model import PATH, GuardModels
from penstock.stores.catalogue import GatewayKey

OPENAI = CALLERS["openai_chat"]
QUESTION = ModelQuestion("", "@judge/small", (("user", "Hello"),), 5)
KEY = GatewayKey("app", b"digest", virtual_keys=frozenset(), configs=frozenset(), config="own", pins_config=True)


def answer(content: object, finish: str = "stop", status: int = 200) -> Answer:
    body = {"choices": [{"message": {"content": content}, "finish_reason": finish}]}
    return Answer(status, [(b"x-penstock-cost", b"0.1")], json.dumps(body).encode(), Outcome(status), model="small")


def ask(
    given: Answer, question: ModelQuestion = QUESTION, caller: Caller | None = None
) -> tuple[ModelReply | CheckError, Call]:
    models, calls = GuardModels(OPENAI), list[Call]()

    async def run(call: Call) -> Answer:
        calls.append(call)
        return given

    models.run = run
    account = Account(Records(), "POST", "/v1/chat/completions")
    account.metadata, account.key = b'{"team": "a"}', "app"
    call = Call(Operation.CHAT, OPENAI, [], {}, b"", b"trace", account, hops=2, caller=caller or Caller())
    return asyncio.run(models.ask(call, question)), calls[0]


def test_a_reply() -> None:
    reply, call = ask(answer("safe"))
    assert reply == ModelReply("safe", "small", cost="0.1")
    assert json.loads(call.body) == {
        "model": "@judge/small", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5,
    }  # fmt: skip
    assert (call.is_unguarded, call.hops, call.trace_id) == (True, 2, b"trace")
    account = call.account
    assert (account.path, account.metadata, account.key, account.is_closed) == (PATH, b'{"team": "a"}', "app", True)


def test_no_reply() -> None:
    for bad in (answer(None), answer("unsa", "length"), answer([])):
        reply, _ = ask(bad)
        assert isinstance(reply, CheckError)
    late = Answer(504, [], b"", failed(Failure(Kind.TOTAL_TIMEOUT, "secret.internal did not answer.")))
    reply, _ = ask(late)
    assert reply == CheckError("it did not answer in time.", "TimeoutError")
    unknown = Answer(400, [], b"", failed(Failure(Kind.UNKNOWN_CONFIG, "There is no config 'secret'.")))
    reply, _ = ask(unknown)
    assert reply == CheckError("it can't be asked (unknown_config).")


def test_a_gateway_without_a_pipeline_asks_nobody() -> None:
    call = Call(Operation.CHAT, OPENAI, [], {}, b"", b"", Account(Records(), "POST", "/"))
    assert isinstance(asyncio.run(GuardModels(OPENAI).ask(call, QUESTION)), CheckError)


@pytest.mark.parametrize(("status", "most"), [(500, 5), (401, 5), (400, 9), (413, 9)])
def test_a_model_that_fails_again_and_again_is_left_alone(status: int, most: int) -> None:
    """What it says of a text does not count: nobody's text may keep those of others from being judged."""
    models, asked = GuardModels(OPENAI), list[Call]()

    async def run(call: Call) -> Answer:
        asked.append(call)
        return Answer(status, [], b"", failed(Failure(Kind.UPSTREAM_STATUS, "")))

    async def all_of_them() -> None:
        for _ in range(9):
            await models.ask(Call(Operation.CHAT, OPENAI, [], {}, b"", b"", Account(Records(), "POST", "/")), QUESTION)

    models.run = run
    asyncio.run(all_of_them())
    assert len(asked) == most


def test_who_asks() -> None:
    """A guard of the operator's asks whom it names, a caller's only whom the caller may ask."""
    caller = Caller(KEY, b"authorization")
    _, own = ask(answer("safe"), caller=caller)
    assert own.caller.key == KEY
    _, operators = ask(answer("safe"), ModelQuestion("judges", "", (), is_operators=True), caller)
    assert operators.fields == {b"x-portkey-config": b"judges"}
    key = operators.caller.key
    assert key is not None
    assert (key.permissions.virtual_keys, key.permissions.configs, key.config) == (None, None, None)
    assert key.permissions.lends_key("openai") == EVERYTHING.lends_key("openai")
    assert (key.tenant, key.digest, key.limits) == (KEY.tenant, KEY.digest, KEY.limits)
