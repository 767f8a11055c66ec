"""Text that a command is given: a file by its name, or standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from penstock.settings.text_file import TooLarge, read_stream, read_text

STANDARD_INPUT: Final = "-"


def read_input(name: str, largest: int) -> str:
    """The text of a file, or of standard input for ``-``, of ``largest`` bytes at most. Raises ClickException."""
    try:
        if name == STANDARD_INPUT:
            return read_stream(sys.stdin.buffer, largest)
        return read_text(Path(name), largest, is_input=True)
    except OSError as error:
        raise click.ClickException(f"{name} can't be read: {error.strerror}") from None
    except TooLarge as error:
        raise click.ClickException(f"{name} can't be used: {error}") from None
    except ValueError:
        raise click.ClickException(f"{name} is not UTF-8 text") from None
