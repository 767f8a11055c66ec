"""The command line, one module a command. A command's module is loaded when the command is called or listed, so that
all start fast."""

from __future__ import annotations

from typing import Final

import click

from penstock import __version__
from penstock.core.lazy_registry import LazyRegistry

_NAMES: Final = """
    audit chat check config explain guard import key limit logs policy prices provider providers reprice secrets serve
    test workspace
""".split()
_MODULES: Final = {"import": "import_"}
"""The module of a command whose name is a word of the language."""


_COMMANDS: Final = LazyRegistry[click.Command](
    {name: f"penstock.cli.{_MODULES.get(name, name)}:command" for name in _NAMES}
)


class _Group(click.Group):
    """A group whose commands are loaded one by one. What is no UTF-8 is refused: it could neither be sent nor shown."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for each in args:
            try:
                each.encode()
            except UnicodeEncodeError:
                raise click.UsageError(f"{click.format_filename(each)[:60]} is no UTF-8 text") from None
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (as the library calls it)
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        return _COMMANDS.get(cmd_name)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="penstock", message="%(prog)s %(version)s")
def main() -> None:
    """An LLM gateway: the APIs of OpenAI, Anthropic, Gemini, Cohere, Ollama and Bedrock in front of every provider."""
