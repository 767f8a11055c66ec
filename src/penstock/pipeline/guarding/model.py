"""The models that checks ask: a question is a call of its own through the whole pipeline, with a config or a model that
the check names.

The call has an account of its own, in the same trace: its row tells what it cost, and it counts against the limits of
the request's key. No guard judges it, so that a judge can't ask itself. Source: docs/guardrails.md#a-model-as-judge.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.json_text import read_json_or_none, write_json
from penstock.core.operation import Operation
from penstock.core.permissions import EVERY
from penstock.dialects.caller import CallerDialect
from penstock.guards.base import CheckError, ModelQuestion, ModelReply
from penstock.pipeline.account import IGNORES_LOG, Account
from penstock.pipeline.authenticate import Caller
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.guarding.breaker import HostBreaker
from penstock.pipeline.replies.response_headers import COST

PATH: Final = "/penstock/judge"
"""The path that the account of a question tells."""
_CHATS: Final = "/v1/chat/completions"
_LARGEST: Final = 256 << 10
"""Bytes of a model's reply: a verdict is short."""
_OF_TEXT: Final = frozenset({400, 413, 422})
"""Statuses with which a provider refuses a text, and not whoever asks."""
_TIMEOUTS: Final = frozenset(
    {
        Kind.CONNECT_TIMEOUT,
        Kind.FIRST_BYTE_TIMEOUT,
        Kind.FIRST_TOKEN_TIMEOUT,
        Kind.IDLE_TIMEOUT,
        Kind.TOTAL_TIMEOUT,
    }
)


class GuardModels:
    """Asks models for checks. ``run`` is the pipeline, which is put together after the guards that are a part of it;
    None: no model can be asked. ``dialect`` is OpenAI's wire, in which questions are asked."""

    def __init__(self, dialect: CallerDialect) -> None:
        self.run: Callable[[Call], Awaitable[Answer]] | None = None
        self._dialect = dialect
        self._breaker = HostBreaker()

    async def ask(self, call: Call, question: ModelQuestion) -> ModelReply | CheckError:
        """The reply to a question of one of the guards of ``call``."""
        if self.run is None:
            return CheckError("no model can be asked here.")
        name = f"{call.caller.tenant} {question.model} {hash(question.config)}"
        if not self._breaker.enter(name, time.monotonic()):
            return CheckError("it fails, or is asked too often, and is not asked for now.")
        fails: bool | None = None
        try:
            reply, fails = await self._asked(self.run, call, question)
        finally:
            self._breaker.leave(name, time.monotonic(), fails=fails)
        return reply

    async def _asked(
        self, run: Callable[[Call], Awaitable[Answer]], call: Call, question: ModelQuestion
    ) -> tuple[ModelReply | CheckError, bool]:
        """The reply, and whether the model failed: no text may have it left alone for the texts of others."""
        own = self._call(call, question)
        account, answer = own.account, None
        try:
            answer = await run(own)
            account.status = answer.status
            reply = await _read(answer)
            return reply, isinstance(reply, CheckError) and not _is_about_text(reply, answer)
        except asyncio.CancelledError:
            account.has_left = True
            raise
        finally:
            if answer is not None:
                if answer.attempt is not None and answer.attempt.ended is None:
                    answer.attempt.ended = account.elapsed()
                answer.close()
            account.close()

    def _call(self, call: Call, question: ModelQuestion) -> Call:
        """The call that asks."""
        asking, fields = call.account, {}
        if question.config:
            fields[b"x-portkey-config"] = question.config.encode()
        account = Account(asking.records, "POST", PATH)
        account.operation, account.dialect, account.trace_id = Operation.CHAT, self._dialect.name, call.trace_id
        account.metadata, account.address, account.labels = asking.metadata, asking.address, asking.labels
        account.key, account.key_id, account.workspace = asking.key, asking.key_id, asking.workspace
        account.fields = {name: value for name, value in asking.fields.items() if name == IGNORES_LOG}
        body: dict[str, Any] = {"model": question.model} if question.model else {}
        body["messages"] = [{"role": role, "content": text} for role, text in question.messages]
        if question.most_tokens is not None:
            body["max_tokens"] = question.most_tokens
        return Call(
            Operation.CHAT,
            self._dialect,
            list(fields.items()),
            fields,
            write_json(body),
            call.trace_id,
            account,
            _CHATS,
            hops=call.hops,
            caller=_caller_of(call.caller, is_operators=question.is_operators),
            is_unguarded=True,
        )


def _caller_of(caller: Caller, *, is_operators: bool) -> Caller:
    """Who asks: the request's caller, who may use all targets where the guard is the operator's."""
    if caller.key is None:
        return Caller(catalogue=caller.catalogue)
    key = caller.key
    if is_operators:
        key = msgspec.structs.replace(
            key,
            virtual_keys=None,
            configs=None,
            config=None,
            providers=None,
            models=None,
            inline_configs=True,
            custom_hosts=True,
            pins_config=False,
            aliases=None,
            lend=frozenset({EVERY}),
        )
    return Caller(key, catalogue=caller.catalogue)


async def _read(answer: Answer) -> ModelReply | CheckError:
    """What the model said; the error of an answer without a text."""
    failure = answer.failure
    if failure is not None or not 200 <= answer.status < 300:
        return _error(failure, answer.status)
    body = answer.body
    while answer.rest is not None and len(body) <= _LARGEST:
        data = await answer.rest.read()
        if not data:
            break
        body += data
    if len(body) > _LARGEST or (answer.rest is not None and answer.rest.failure is not None):
        return CheckError("its reply is too long, or broke off.")
    value = read_json_or_none(body)
    choices = value.get("choices") if isinstance(value, dict) else None
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = first.get("message")
    text = message.get("content") if isinstance(message, dict) else None
    if not isinstance(text, str):
        return CheckError("it answered without a text.", "TypeError")
    if first.get("finish_reason") == "length":
        return CheckError("its answer was cut short.", "TypeError")
    usage, costs = answer.usage, dict(answer.headers)
    cost = costs.get(COST)
    return ModelReply(
        text,
        answer.model or "",
        None if usage is None else usage.prompt,
        None if usage is None else usage.completion,
        None if cost is None else cost.decode(),
    )


def _is_about_text(error: CheckError, answer: Answer) -> bool:
    """Whether an error comes from what was asked: a text that is too long, or that the provider's own filter refuses,
    or an answer without a verdict."""
    return error.name == "TypeError" or (error.name == "HttpError" and answer.status in _OF_TEXT)


def _error(failure: Failure | None, status: int) -> CheckError:
    """Why there is no reply. A failure's own text may name what only the operator knows: its kind is told."""
    if failure is None or failure.kind is Kind.UPSTREAM_STATUS:
        return CheckError(f"the provider answered with status {status}.", "HttpError")
    if failure.kind in _TIMEOUTS:
        return CheckError("it did not answer in time.", "TimeoutError")
    return CheckError(f"it can't be asked ({failure.kind.value}).")
