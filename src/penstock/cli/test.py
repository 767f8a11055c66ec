"""``penstock test``: unit tests for configs. With such a request and such faults, this must come of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import click
import msgspec

from penstock.core.failure import Failure
from penstock.settings.text_file import LARGEST_SETTINGS, BadToml, TooLarge, parse_toml, read_text

if TYPE_CHECKING:
    from penstock.routing.explain import Explanation

_Seconds = Annotated[float, msgspec.Meta(ge=0)]


class _Unusable(click.ClickException):
    exit_code = 2


class _Test(msgspec.Struct, forbid_unknown_fields=True):
    """One test: a request, what the targets do, and what is expected of it. What is not set is not looked at."""

    name: str
    request: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    path: str = "/v1/chat/completions"
    faults: str = ""
    seed: int | None = None
    answer: str | dict[str, Any] | None = None
    checks: dict[str, bool | str] = {}
    attempts: list[str] | None = None
    status: int | None = None
    target: str | None = None
    retry_count: int | None = None
    waits_at_most: _Seconds | None = None
    time_at_most: _Seconds | None = None
    guards: dict[str, str] | None = None
    sent: str | None = None
    given: str | None = None


class _Tests(msgspec.Struct, forbid_unknown_fields=True):
    """A file of tests: a config, or the path of one from this file, and the provider that requests name."""

    config: str | dict[str, Any]
    test: Annotated[list[_Test], msgspec.Meta(min_length=1)]
    provider: str | None = None


_EXACT: Final = ("status", "target", "retry_count")
_EXPECTATIONS: Final = ("attempts", *_EXACT, "waits_at_most", "time_at_most", "guards", "sent", "given")


@click.command("test")
@click.argument("file")
@click.pass_context
def command(context: click.Context, file: str) -> None:
    """Run unit tests of a config, without sending anything.

    FILE is TOML: the config, and for each test a request and what must come of it (docs/explain.md). Exits with 1 if a
    test fails, with 2 if FILE or the config can't be used.
    """
    failed = 0
    try:
        tests = _read(file)
        for test, explanation in zip(tests.test, _played(file, tests), strict=True):
            differences = list(_differences(test, explanation))
            click.echo("\n      ".join((f"{'FAIL' if differences else 'ok':4}  {test.name}", *differences)))
            failed += bool(differences)
    except click.ClickException as bad:
        raise _Unusable(bad.message) from None
    click.echo(f"{len(tests.test) - failed} passed, {failed} failed")
    context.exit(1 if failed else 0)


def _read(file: str) -> _Tests:
    try:
        tests = msgspec.convert(parse_toml(read_text(Path(file), LARGEST_SETTINGS)), _Tests)
    except OSError as error:
        raise click.ClickException(f"{file} can't be read: {error.strerror}") from None
    except TooLarge as error:
        raise click.ClickException(f"{file} can't be used: {error}") from None
    except (BadToml, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file} is not valid TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise click.ClickException(f"{file} holds no tests: {error}") from None
    for test in tests.test:
        if all(getattr(test, name) is None for name in _EXPECTATIONS):
            raise click.ClickException(
                f"{file}: the test '{test.name}' expects nothing: there are {', '.join(_EXPECTATIONS)}"
            )
    return tests


def _played(file: str, tests: _Tests) -> Iterator[Explanation]:
    from penstock.cli.rehearsal import Ask, Rehearsal

    config, rehearsal = _config(file, tests.config), Rehearsal.here()
    for test in tests.test:
        request = None if test.request is None else msgspec.json.encode(test.request)
        answer = msgspec.json.encode(test.answer) if isinstance(test.answer, dict) else test.answer
        ask = Ask(
            config,
            tests.provider,
            request,
            metadata=test.metadata,
            path=test.path,
            faults=test.faults,
            seed=test.seed,
            answer=answer,
            verdicts=test.checks,
        )
        explanation = rehearsal.explain(ask)
        if isinstance(explanation, Failure):
            raise click.ClickException(f"{file}: the test '{test.name}': {explanation.message}")
        yield explanation


def _config(file: str, config: str | dict[str, Any]) -> bytes:
    from penstock.cli.config_file import ConfigFile

    return ConfigFile(str(Path(file).parent / config)).body if isinstance(config, str) else msgspec.json.encode(config)


def _differences(test: _Test, found: Explanation) -> Iterator[str]:
    """What was expected and came otherwise, a line each."""
    from penstock.routing.explain import Attempted

    attempts = [f"{step.target} {step.result}" for step in found.steps if isinstance(step, Attempted)]
    if test.attempts is not None and test.attempts != attempts:
        yield "attempts (- expected, + found):"
        _, _, _, *lines = difflib.unified_diff(test.attempts, attempts, n=len(attempts), lineterm="")
        yield from (f"  {line[:1]} {line[1:]}" for line in lines)
    for name in _EXACT:
        expected, came = getattr(test, name), getattr(found, name)
        if expected is not None and expected != came:
            yield f"{name}: expected {expected}, found {'none' if came is None else came}"
    for what, most, came in (("waits", test.waits_at_most, found.waited), ("time", test.time_at_most, found.seconds)):
        if most is not None and came > most:
            yield f"{what}: expected at most {most:g}s, found {came:g}s"
    yield from _guard_differences(test, found)


def _guard_differences(test: _Test, found: Explanation) -> Iterator[str]:
    """The verdicts of guards at the target that answered, and the texts that they leave."""
    guards = [each for each in found.guards if each.target == found.target]
    verdicts = {each.guard: each.verdict or "none" for each in guards}
    for name, expected in (test.guards or {}).items():
        came = verdicts.get(name, "no such guard")
        if came != expected:
            yield f"guard {name}: expected {expected}, found {came}"
    for what, phase, text in (("sent", "before", test.sent), ("given", "after", test.given)):
        left = [each.changed for each in guards if each.phase == phase and each.changed is not None]
        changed = left[-1] if left else None
        if text is not None and changed != text:
            yield f"{what}: expected {text!r}, found {'no change' if changed is None else repr(changed)}"
