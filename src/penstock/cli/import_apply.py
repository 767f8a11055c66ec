"""``penstock import … --apply``: what is imported, written to the control plane's database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click
import msgspec

from penstock.cli.control import At, carry_out, show_json

if TYPE_CHECKING:
    from penstock.control.imports.imports import Applied
    from penstock.importers.imported import Conversion
    from penstock.importers.report import Report


def write(conversion: Conversion, at: At, *, accept: bool, replace: bool, dry_run: bool) -> bool:
    """Write an import, and tell what became of each thing. False where consent is missing: nothing is written then.

    ``accept`` goes on where something is lost or left alone, ``replace`` changes what has other contents, ``dry_run``
    tells what would be written.
    """
    from penstock.cli.import_ import has_consent
    from penstock.control.actor import CLI
    from penstock.control.imports import imports
    from penstock.importers.database import fit_database

    imported = fit_database(conversion, _is_past)
    if not has_consent(conversion.report, accept=accept or dry_run):
        _show(at, conversion.report, None)
        return False
    consent = imports.Consent(replaces=replace, leaves=accept)
    applied = carry_out(
        at,
        lambda plane: imports.apply(plane, CLI, imported, os.environ.get, consent, is_rehearsal=dry_run),
    )
    _show(at, conversion.report, applied)
    needs_consent = bool(applied.left_alone) and not accept
    click.echo(_conclusion(applied, dry_run=dry_run, needs_consent=needs_consent), err=True)
    return has_consent(conversion.report, accept=accept) and not needs_consent


def _is_past(moment: str) -> bool:
    from penstock.control.plane import now
    from penstock.core.rfc3339 import unix_microseconds

    try:
        return unix_microseconds(moment) <= now()
    except ValueError:
        return False


def _show(at: At, report: Report, applied: Applied | None) -> None:
    """The report, what became of each thing, and the variables that the gateway needs."""
    steps = [] if applied is None else applied.steps
    variables = [] if applied is None else applied.variables
    if at.as_json:
        members = [msgspec.to_builtins(step) for step in steps]
        is_written = applied is not None and applied.is_written
        values = {"report": report.values(), "summary": report.summary(), "steps": members, "written": is_written}
        show_json({**values, "variables_to_set": variables})
        return
    for line in (report, *steps):
        click.echo(str(line))
    if variables:
        click.echo(f"Variables that must be set where the gateway starts: {', '.join(variables)}.")


def _conclusion(applied: Applied, *, dry_run: bool, needs_consent: bool) -> str:
    if needs_consent:
        number = len(applied.left_alone)
        there = "1 thing is" if number == 1 else f"{number} things are"
        return (
            f"Nothing is written: {there} there with other contents. Add --replace to change what differs, or --accept "
            "to leave it alone and write the rest."
        )
    if not applied.changes:
        return "Nothing is changed: all of it is there already."
    counts = [f"{sum(step.outcome == outcome for step in applied.steps)} {outcome}" for outcome in _OUTCOMES]
    return f"{'Nothing is written. It would be: ' if dry_run else 'Written: '}{', '.join(counts)}."


_OUTCOMES = ("created", "replaced", "unchanged", "left alone", "left out")
