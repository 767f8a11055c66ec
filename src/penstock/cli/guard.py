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
_KINDS: Final = {
    "messages": "chatComplete",
    "contents": "generateContent",
    "input": "createModelResponse",
    "prompt": "complete",
    "query": "rerank",
}
"""A member of a request's body -> the type of a request that has it."""


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

    A line of FILE is the body of a request, or {"request": BODY, "response": BODY} (docs/guardrails.md). Exits with 2
    if NAME or FILE can't be used.
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

    async def judge() -> None:
        for number, request, response in _lines(file):
            for subject in _subjects(request, response):
                if subject.phase in hooks:
                    runs, _ = await run_hooks(hooks[subject.phase], subject, _Nobody(), awaits_all=True)
                    tally.add(f"line {number} ({'request' if subject.phase is Phase.BEFORE else 'answer'})", runs)
                    tally.textless += not subject.body.segments

    asyncio.run(judge())
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
        value = _object(line)
        if value is None:
            raise _Unusable(f"{file}:{number}: expected an object")
        request = _object(value.get("request"))
        yield number, value if request is None else request, None if request is None else value.get("response")


def _object(value: Any) -> dict[str, Any] | None:
    """A JSON object, also as text: some logs keep bodies so. None for anything else."""
    from penstock.core.json_text import read_json

    if isinstance(value, str):
        try:
            value = read_json(value.encode("utf-8", "surrogatepass"))
        except ValueError:
            return None
    return value if isinstance(value, dict) else None


def _kind_of(request: dict[str, Any]) -> str:
    """The type of a request, by Portkey's name, as its members tell it."""
    kind = next((kind for name, kind in _KINDS.items() if name in request), "chatComplete")
    if kind == "chatComplete" and (system := request.get("system")) is not None:
        blocks = system if isinstance(system, list) else []
        return "converse" if any(isinstance(each, dict) and "type" not in each for each in blocks) else "messages"
    if kind == "createModelResponse" and isinstance(texts := request["input"], list):
        return "embed" if texts and not any(isinstance(each, dict) for each in texts) else kind
    return kind


def _subjects(request: dict[str, Any], response: Any) -> Iterator[Subject]:
    """What is judged of one line."""
    from penstock.core.json_text import write_json
    from penstock.guards.base import Phase
    from penstock.guards.guarded_body import GuardedBody
    from penstock.pipeline.guarding.check import views_by_type
    from penstock.pipeline.guarding.subject import Subject, answered

    kind = _kind_of(request)
    view = views_by_type()[kind]

    def read(value: Any) -> Sequence[Any]:
        return tuple(view.request(kind, value))

    subject = Subject(Phase.BEFORE, kind, "", GuardedBody(write_json(request), read), read, lambda _: None)
    yield subject
    answer = _object(response)
    if answer is not None:
        yield answered(subject, view, kind, write_json(answer))


def _show(tally: Tally) -> None:
    total = tally.judged
    click.echo(f"{total} judged: {_share(tally.denied, total)} denied, {_share(tally.changed, total)} changed")
    if tally.textless:
        click.echo(f"{_share(tally.textless, total)} hold no text that a guard reads")
    for name, check in tally.checks.items():
        parts = ("failed", check.failed), ("changed", check.changed), ("could not judge", check.errors)
        shares = ", ".join(f"{_share(number, check.total)} {word}" for word, number in parts)
        examples = f"; fails at {', '.join(check.examples)}" if check.examples else ""
        click.echo(f"{name}: {shares}{examples}")


def _share(number: int, total: int) -> str:
    return f"{number} ({number / total:.1%})" if total else "0"
