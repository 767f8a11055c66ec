"""The command line, one module a command. Modules import what only they need when they run, so that all start fast."""

from __future__ import annotations

import click

from penstock import __version__
from penstock.cli import (
    audit,
    chat,
    check,
    config,
    explain,
    guard,
    import_,
    key,
    limit,
    logs,
    policy,
    prices,
    provider,
    providers,
    reprice,
    secrets,
    serve,
    test,
    workspace,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="penstock", message="%(prog)s %(version)s")
def main() -> None:
    """An LLM gateway: one OpenAI-compatible endpoint in front of every provider."""


for each in (
    audit, chat, check, config, explain, guard, import_, key, limit, logs, policy, prices, provider, providers, reprice,
    secrets, serve, test, workspace,
):  # fmt: skip
    main.add_command(each.command)
