"""``penstock chat``: one question from the terminal, through a gateway in this process or one that is running."""

from __future__ import annotations

import os
import sys
from typing import Any

import click
import msgspec

from penstock.cli.terminal import Terminal
from penstock.settings import Settings, SettingsError, load, working_directory


@click.command("chat")
@click.argument("prompt")
@click.option("--provider", default="echo", show_default=True, help="Who is to answer: see penstock providers.")
@click.option("--model", default="echo", show_default=True, help="The provider's name for the model.")
@click.option("--system", metavar="TEXT", help="A system message before the prompt.")
@click.option("--key-env", metavar="NAME", help="The environment variable with the key to send.")
@click.option("--url", help="A running gateway, such as http://127.0.0.1:8787. Without it, one runs just for this.")
@click.option("--no-stream", is_flag=True, help="Wait for the whole reply.")
@click.option(
    "--param", "params", metavar="NAME=JSON", multiple=True, help="One more parameter, such as temperature=0.2."
)
def command(
    prompt: str,
    provider: str,
    model: str,
    system: str | None,
    key_env: str | None,
    url: str | None,
    no_stream: bool,
    params: tuple[str, ...],
) -> None:
    """Ask PROMPT ("-": what standard input holds) and show the reply as it arrives."""
    if prompt == "-":
        prompt = sys.stdin.read()
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": prompt})
    request: dict[str, Any] = {"model": model, "messages": messages, "stream": not no_stream, **_parameters(params)}
    headers = {"content-type": "application/json", "x-portkey-provider": provider, **_authorization(key_env)}
    terminal = Terminal()
    if url is None:
        _ask_here(headers, msgspec.json.encode(request), terminal)
    else:
        from penstock.cli.remote import ask

        ask(url, headers, msgspec.json.encode(request), terminal)
    terminal.end()


def _parameters(pairs: tuple[str, ...]) -> dict[str, msgspec.Raw]:
    found = {}
    for text in pairs:
        name, _, value = text.partition("=")
        try:
            msgspec.json.decode(value)
        except msgspec.DecodeError:
            raise click.ClickException(
                f'--param {name}: expected JSON after the =, such as temperature=0.2 or user="me"'
            ) from None
        found[name] = msgspec.Raw(value.encode())
    return found


def _authorization(key_env: str | None) -> dict[str, str]:
    if key_env is None:
        return {}
    key = os.environ.get(key_env, "").strip()
    if not key:
        raise click.ClickException(f"--key-env: the variable {key_env} is not set")
    if not (key.isascii() and key.isprintable()):
        raise click.ClickException(f"--key-env: {key_env} holds characters that no key has")
    return {"authorization": f"Bearer {key}"}


def _ask_here(headers: dict[str, str], body: bytes, terminal: Terminal) -> None:
    """Run the whole gateway in this process, without a port, for one request."""
    import asyncio

    from penstock.app.root import build
    from penstock.cli.in_process import ask

    try:
        app = build(_for_one(load({}, os.environ, working_directory())))
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    asyncio.run(ask(app, headers, body, terminal))


def _for_one(settings: Settings) -> Settings:
    """Nobody but the person at the terminal asks here: their own keys are for them, the log's lines are not."""
    replace = msgspec.structs.replace
    return replace(
        settings.without_database(),
        providers=replace(settings.providers, env_keys=settings.providers.env_keys is not False),
        server=replace(settings.server, access_log=False),
    )
