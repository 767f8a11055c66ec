"""``penstock check``: is a config, or a whole penstock.toml, valid; and does it do what it seems to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click
import msgspec

from penstock.core.failure import Failure

if TYPE_CHECKING:
    from penstock.cli.config_file import ConfigFile
    from penstock.cli.rehearsal import Rehearsal
    from penstock.cli.suspicions import Suspicion

_ANY_PROVIDER: Final = "openai"


class _Examined(NamedTuple):
    summary: str
    suspicions: list[Suspicion]


@click.command("check")
@click.argument("file")
@click.pass_context
def command(context: click.Context, file: str) -> None:
    """Tell what is wrong or suspicious in a config.

    FILE is one in JSON, YAML or TOML ("-": standard input), or a penstock.toml with all that it names. Exits with 1 if
    it can't be used.
    """
    from penstock.cli.config_file import ConfigFile

    try:
        config = ConfigFile(file)
    except click.ClickException as unreadable:
        # Told as all that this command finds, for whoever reads its lines.
        click.echo(unreadable.message)
        context.exit(1)
    if not (_check_all(config) if config.is_of_the_gateway else _check(config)):
        context.exit(1)


def _check_all(file: ConfigFile) -> bool:
    """Whether a penstock.toml can be used. Its configs are examined one by one."""
    from penstock.cli.rehearsal import Rehearsal
    from penstock.settings import SettingsError

    try:
        rehearsal = Rehearsal(file.name)
    except SettingsError as error:
        click.echo("\n".join(error.problems))
        return False
    is_valid = True
    for name, body in rehearsal.configs.items():
        found = _examine(rehearsal, name.encode(), msgspec.json.decode(body))
        if isinstance(found, Failure):
            for failure in found.parts or (found,):
                click.echo(f"{file.name}: configs.{name}: {_reason(failure)}")
            is_valid = False
            continue
        _tell(found, f"{file.name}: configs.{name}")
    if is_valid:
        click.echo(f"{file.name}: valid")
    return is_valid


def _check(config: ConfigFile) -> bool:
    """Whether a config can be used."""
    from penstock.cli.rehearsal import Rehearsal

    found = _examine(Rehearsal.here(), config.body, config.values)
    if not isinstance(found, Failure):
        _tell(found, config.name, config)
        return True
    for failure in found.parts or (found,):
        path = failure.param or ""
        if path.startswith("config"):
            click.echo(f"{config.place(path)}: {path}: {_reason(failure)}")
        else:
            click.echo(f"{config.name}: {_reason(failure)}")
    return False


def _examine(rehearsal: Rehearsal, config: bytes, values: dict[str, Any]) -> _Examined | Failure:
    """What a config does and what is suspicious about it; the failure of one that can't be used."""
    from penstock.cli.explanation import summary
    from penstock.cli.suspicions import Suspicion, suspicions
    from penstock.routing.problems import of_config_alone

    provider, found = None, []
    compiled = rehearsal.compiled(config)
    if isinstance(compiled, Failure) and of_config_alone(compiled) != compiled:
        provider = _ANY_PROVIDER
        compiled = rehearsal.compiled(config, provider)
        found.append(Suspicion("config", f"requests have to name a provider; checked as if they named {provider}"))
    if isinstance(compiled, Failure):
        return compiled
    found += suspicions(values, compiled, rehearsal, provider)
    return _Examined(summary(compiled.plan), found)


def _tell(examined: _Examined, name: str, config: ConfigFile | None = None) -> None:
    for path, text in examined.suspicions:
        click.echo(f"{config.place(path) if config else name}: warning: {path}: {text}")
    click.echo(f"{name}: {examined.summary}")


def _reason(failure: Failure) -> str:
    """Why, without where: that is told beside it."""
    return failure.message.removeprefix(f"The config is not valid at {failure.param}: ").removesuffix(".")
