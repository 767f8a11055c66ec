"""``penstock guard``: what a saved guardrail would have done to requests of the past, and what one check says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from penstock.cli.input_file import read_input

if TYPE_CHECKING:
    from penstock.cli.rehearsal import Rehearsal
    from penstock.guards.backtest import Tally
    from penstock.guards.base import CheckError, ModelQuestion, OutboundRequest
    from penstock.guards.plan import Hook
    from penstock.pipeline.guarding.subject import Subject

_LARGEST: Final = 256 << 20
_KIND: Final = "chatComplete"


class _Unusable(click.ClickException):
    exit_code = 2


@click.group("guard")
def command() -> None:
    """Guardrails: try one on requests of the past."""


@command.command("backtest")
@click.argument("name")
@click.option("--log", "file", required=True, metavar="FILE", help='An object on each line; "-" is standard input.')
def backtest(name: str, file: str) -> None:
    """Tell what the saved guardrail NAME would have denied or changed, without sending anything.

    A line of FILE is the body of a chat completion's request, or {"request": BODY, "response": BODY}
    (docs/guardrails.md). Exits with 2 if NAME or FILE can't be used.
    """
    import asyncio

    from penstock.cli.rehearsal import Rehearsal
    from penstock.guards.backtest import Tally
    from penstock.guards.base import Phase
    from penstock.pipeline.guarding.hooks import run_hooks

    rehearsal = Rehearsal.here()
    hooks, why = {}, ""
    for phase, key in ((Phase.BEFORE, "before_request_hooks"), (Phase.AFTER, "after_request_hooks")):
        found = _hooks(rehearsal, key, name, phase)
        if isinstance(found, str):
            why = why or found
        else:
            hooks[phase] = found
    if not hooks:
        raise _Unusable(why)
    tally = Tally()
    for number, request, response in _lines(file):
        reference = f"line {number}"
        for subject in _subjects(request, response):
            if subject.phase in hooks:
                runs, _ = asyncio.run(run_hooks(hooks[subject.phase], subject, _Nobody(), awaits_all=True))
                tally.add(f"{reference} ({'request' if subject.phase is Phase.BEFORE else 'answer'})", runs)
    _show(tally)


@command.command("check")
@click.argument("file")
def check(file: str) -> None:
    """Let one check judge the context in FILE, without sending anything.

    FILE ("-" is standard input) holds {"id", "context", "parameters", "eventType"} (docs/guardrails.md). Exits with 1
    if the verdict is false, with 2 if FILE can't be used.
    """
    import asyncio

    from penstock.core.failure import Failure
    from penstock.pipeline.guarding.check import read_check, run_check

    request = read_check(read_input(file, _LARGEST).encode())
    if isinstance(request, Failure):
        raise _Unusable(request.message)
    result = asyncio.run(run_check(request, _Nobody()))
    click.echo(json.dumps(result, indent=2, ensure_ascii=False))
    if not result["verdict"]:
        raise SystemExit(1)


class _Nobody:
    """The way out of these commands, which leads nowhere."""

    async def send(self, request: OutboundRequest) -> CheckError:  # noqa: ARG002
        from penstock.guards.base import CheckError

        return CheckError("Nobody is asked here.")

    async def fetch(self, request: OutboundRequest, seconds: float, *, renews: bool = False) -> CheckError:  # noqa: ARG002
        return await self.send(request)

    async def send_all(self, requests: Sequence[OutboundRequest]) -> Sequence[CheckError]:
        return [await self.send(request) for request in requests]

    def tell(self, request: OutboundRequest) -> bool:  # noqa: ARG002
        return False

    async def resolves(self, hosts: Sequence[str]) -> Sequence[bool]:
        return [False for _ in hosts]

    async def ask_model(self, question: ModelQuestion) -> CheckError:  # noqa: ARG002
        from penstock.guards.base import CheckError

        return CheckError("nobody is asked here.")


def _hooks(rehearsal: Rehearsal, key: str, name: str, phase: Any) -> tuple[Hook, ...] | str:
    """The hooks of one side; why there are none."""
    from penstock.core.failure import Failure
    from penstock.guards.base import Phase
    from penstock.guards.plan import GuardPlan
    from penstock.routing.plan import leaves

    compiled = rehearsal.compiled(json.dumps({"provider": "openai", "api_key": "k", key: [name]}).encode())
    if isinstance(compiled, Failure):
        return compiled.message
    plan = next(iter(leaves(compiled.plan))).guards
    if not isinstance(plan, GuardPlan):
        return f"the guardrail '{name}' is off, or holds no check"
    return plan.before if phase is Phase.BEFORE else plan.after


def _lines(file: str) -> Iterator[tuple[int, Any, Any]]:
    """The number of each line, its request and its answer; None for one that isn't there."""
    for number, line in enumerate(read_input(file, _LARGEST).split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise _Unusable(f"{file}:{number}: expected an object")
        is_pair = isinstance(value.get("request"), dict)
        yield number, value["request"] if is_pair else value, value.get("response") if is_pair else None


def _subjects(request: Any, response: Any) -> Iterator[Subject]:
    """What is judged of one line."""
    from penstock.dialects.openai.caller.texts import TEXTS
    from penstock.guards.base import Phase
    from penstock.guards.guarded_body import GuardedBody
    from penstock.pipeline.guarding.subject import Subject, answered

    def read(value: Any) -> Sequence[Any]:
        return tuple(TEXTS.request(_KIND, value))

    body = GuardedBody(json.dumps(request).encode(), read)
    subject = Subject(Phase.BEFORE, _KIND, "", body, read, lambda _: None)
    yield subject
    if isinstance(response, dict):
        yield answered(subject, TEXTS, _KIND, json.dumps(response).encode())


def _show(tally: Tally) -> None:
    total = tally.judged
    click.echo(f"{total} judged: {_share(tally.denied, total)} denied, {_share(tally.changed, total)} changed")
    for name, check in tally.checks.items():
        parts = ("failed", check.failed), ("changed", check.changed), ("could not judge", check.errors)
        shares = ", ".join(f"{_share(number, check.total)} {word}" for word, number in parts)
        examples = f"; fails at {', '.join(check.examples)}" if check.examples else ""
        click.echo(f"{name}: {shares}{examples}")


def _share(number: int, total: int) -> str:
    return f"{number} ({number / total:.1%})" if total else "0"
