"""``penstock import``: configurations of LiteLLM, Bifrost and Portkey as what Penstock would create."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
import msgspec

from penstock.cli.control import At, show_json
from penstock.cli.input_file import read_input
from penstock.settings.text_file import LARGEST_SETTINGS

if TYPE_CHECKING:
    from penstock.importers.imported import Conversion, Hosts
    from penstock.importers.litellm_rows import Rows
    from penstock.importers.report import Report

_NEEDS_CONSENT: Final = 3
"""The exit code where something is lost, or would be allowed that was not."""
_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.group("import")
def command() -> None:
    """Move over from another gateway.

    A report tells what is the same (=), nearly the same (~) and not carried over (✗). --apply writes it to the
    database of the control plane, --toml prints the penstock.toml that does the same. Exits with 3, and writes nothing,
    where something is not carried over or would allow more than before (!), unless --accept is given.
    """


def _options(function: _Command) -> _Command:
    """The options that all these commands have."""
    for option in (
        click.option("--accept", is_flag=True, help="Go on where something is lost or would allow more."),
        click.option("--json", "as_json", is_flag=True, help="Print bodies of the admin API and the report, as JSON."),
        click.option("--toml", "as_toml", is_flag=True, help="Print a penstock.toml; the report is on standard error."),
        click.option("--dry-run", is_flag=True, help="Print the report alone; with --apply, what it would do, too."),
        click.option("--store", metavar="ADDRESS", help="With --apply: the database, if not the one of the settings."),
        click.option("--config", metavar="FILE", help="With --apply: settings to read in place of ./penstock.toml."),
        click.option("--replace", is_flag=True, help="With --apply: change what is there with other contents."),
        click.option("--apply", is_flag=True, help="Write it to the control plane's database, all of it or nothing."),
    ):
        function = option(function)
    return function


@command.command("litellm")
@click.argument("file")
@click.option("--database", metavar="URL", help="LiteLLM's PostgreSQL: its keys, teams, budgets and end users.")
@_options
def _litellm(file: str, database: str | None, **options: Any) -> None:
    """Import LiteLLM's config.yaml ("-": standard input), and the keys of its database."""
    from penstock.importers.litellm import convert

    document = _document(file, is_yaml=True)
    rows = None if database is None else _rows(database)
    _finish(convert(document, hosts(), _digest_of, rows), file, **options)


@command.command("bifrost")
@click.argument("file")
@_options
def _bifrost(file: str, **options: Any) -> None:
    """Import Bifrost's config.json ("-": standard input)."""
    from penstock.importers.bifrost import convert

    _finish(convert(_document(file, is_yaml=False), hosts(), _digest_of), file, **options)


@command.command("portkey")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@_options
def _portkey(folder: str, **options: Any) -> None:
    """Import a folder of configs that were exported from Portkey as JSON."""
    from penstock.importers.portkey import MOST_FILES, convert

    paths = sorted(Path(folder).glob("*.json"))
    if not paths:
        raise click.ClickException(f"{folder} holds no file that ends in .json")
    if len(paths) > MOST_FILES:
        raise click.ClickException(f"{folder} holds {len(paths)} files: {MOST_FILES} at a time can be imported")
    documents = {path.stem: _document(str(path), is_yaml=False) for path in paths}
    _finish(convert(documents, hosts()), folder, **options)


def hosts() -> Hosts:
    """What importers must know of the providers."""
    from penstock.core.operation import Operation
    from penstock.importers.imported import Host, Hosts
    from penstock.providers.registry import ALIASES, PROVIDERS
    from penstock.providers.row import Key
    from penstock.providers.templates import with_defaults

    by_slug = {}
    for slug, row in PROVIDERS.items():
        chats = row.places_of(Operation.CHAT, with_defaults(row, {}))
        by_slug[slug] = Host(chats[0].path if chats else "", row.env, row.key is Key.REQUIRED)
    return Hosts(by_slug, ALIASES)


def _rows(address: str) -> Rows:
    """The rows of LiteLLM's database. Raises ClickException."""
    import asyncio

    from penstock.stores.litellm_database import read_rows
    from penstock.stores.sql.database import DatabaseError

    try:
        return asyncio.run(read_rows(address))
    except DatabaseError as error:
        raise click.ClickException(f"--database: {error}") from None


def _digest_of(variable: str) -> str | None:
    value = os.environ.get(variable, "")
    return hashlib.sha256(os.fsencode(value)).hexdigest() if value else None


def _document(name: str, *, is_yaml: bool) -> Any:
    """The JSON values of a file, within bounds. Raises ClickException."""
    from penstock.stores.config_json import NotAConfig, as_json

    text = read_input(name, LARGEST_SETTINGS)
    values = _yaml(name, text) if is_yaml else _json(name, text)
    try:
        return msgspec.json.decode(as_json(values))
    except NotAConfig as bad:
        raise click.ClickException(f"{name}: {bad}") from None
    except msgspec.DecodeError:
        raise click.ClickException(f"{name}: it holds a number of too many digits") from None


def _yaml(name: str, text: str) -> Any:
    import yaml

    from penstock.stores.yaml_loader import closing_loader

    try:
        with closing_loader(text) as loader:
            return loader.get_single_data()
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError) as error:
        # The library's own words quote the line at fault, which may hold a credential.
        mark = getattr(error, "problem_mark", None)
        place = f":{mark.line + 1}" if mark else ""
        raise click.ClickException(f"{name}{place}: it is not valid YAML") from None


def _json(name: str, text: str) -> Any:
    from penstock.core.json_text import UNREADABLE

    try:
        return msgspec.json.decode(text)
    except UNREADABLE as error:
        raise click.ClickException(f"{name}: it is not valid JSON ({error})") from None


class _Forms(msgspec.Struct, frozen=True):
    """The values of the options that all these commands have."""

    dry_run: bool
    as_toml: bool
    as_json: bool
    accept: bool
    apply: bool
    replace: bool
    config: str | None
    store: str | None

    def check(self) -> None:
        """Raises UsageError for options that exclude each other."""
        if self.apply and self.as_toml:
            raise click.UsageError("--apply writes to the database, and --toml prints a file: choose one of them")
        if not self.apply and (self.replace or self.config is not None or self.store is not None):
            raise click.UsageError("--replace, --config and --store go with --apply")
        if not self.apply and self.dry_run + self.as_toml + self.as_json != 1:
            text = "choose one of --dry-run (the report), --apply (the database), --toml (a penstock.toml) and --json"
            raise click.UsageError(text)


def _finish(conversion: Conversion, source: str, **options: Any) -> None:
    """Do what was asked for, and exit with 3 where the operator's consent is missing."""
    forms = _Forms(**options)
    forms.check()
    if forms.apply:
        from penstock.cli.import_apply import write

        at = At(forms.config, forms.store, forms.as_json)
        written = write(conversion, at, accept=forms.accept, replace=forms.replace, dry_run=forms.dry_run)
        if not written:
            sys.exit(_NEEDS_CONSENT)
        return
    report, text = conversion.report, ""
    if forms.as_toml:
        from penstock.importers.toml import settings_text

        text = settings_text(conversion, Path(source).name)
    if forms.as_json:
        show_json({"create": conversion.imported.values(), "report": report.values(), "summary": report.summary()})
    else:
        click.echo(str(report), err=forms.as_toml)
    if not has_consent(report, accept=forms.accept):
        sys.exit(_NEEDS_CONSENT)
    if forms.as_toml:
        click.echo(text)


def has_consent(report: Report, *, accept: bool) -> bool:
    """Whether nothing in a report needs the operator's consent, or it is given; says so if not."""
    number = len(report.blocking)
    if number and not accept:
        click.echo(f"{number} {'line needs' if number == 1 else 'lines need'} your consent: add --accept", err=True)
    return accept or not number
