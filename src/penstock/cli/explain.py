"""``penstock explain``: what a config would do with a request, step by step, without sending anything."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from penstock.core.failure import Failure
from penstock.core.json_text import UNREADABLE


@click.command("explain")
@click.argument("file")
@click.option("--fault", "faults", metavar="FAULTS", multiple=True, help="What targets do, such as targets[0]=429x2.")
@click.option(
    "--request", "request_file", metavar="FILE", help="The request's body. Without it: a stream of any model."
)
@click.option("--metadata", metavar="JSON", help="What the header x-portkey-metadata says.")
@click.option(
    "--path", metavar="PATH", default="/v1/chat/completions", show_default=True, help="The path of the request's URL."
)
@click.option("--provider", metavar="NAME", help="The provider that the request names, for a config without one.")
@click.option("--seed", metavar="NUMBER", type=int, help="Let chance decide, in the same way for the same number.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, as POST /v1/explain answers.")
def command(
    file: str,
    faults: tuple[str, ...],
    request_file: str | None,
    metadata: str | None,
    path: str,
    provider: str | None,
    seed: int | None,
    as_json: bool,
) -> None:
    """Show what a config would do, without sending anything.

    FILE is one in JSON, YAML or TOML ("-": standard input). Targets are well unless --fault says otherwise, and the
    request brings a key for those that have none. docs/explain.md lists the faults.
    """
    from penstock.cli.config_file import ConfigFile
    from penstock.cli.explanation import told
    from penstock.cli.rehearsal import Ask, Rehearsal

    config = ConfigFile(file)
    request = None if request_file is None else ConfigFile(request_file).body
    rehearsal = Rehearsal.here()
    ask = Ask(config.body, provider, request, _metadata(metadata), path, ",".join(faults), seed)
    compiled, explanation = rehearsal.compiled(ask.config, provider), rehearsal.explain(ask)
    if isinstance(compiled, Failure):
        raise click.ClickException(compiled.message)
    if isinstance(explanation, Failure):
        raise click.ClickException(explanation.message)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(explanation)))
    else:
        click.echo(told(compiled.plan, explanation))


def _metadata(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except UNREADABLE:
        raise click.ClickException('--metadata: expected a JSON object, such as \'{"plan": "pro"}\'') from None
