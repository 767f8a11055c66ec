"""References to credentials that are kept outside: ``env:NAME`` and ``file:PATH``, as the database holds them.

A reference reaches what belongs to the operator, and is set through the admin API: it never leads to the gateway's own
secrets, and not to files that show a process from within. Source: docs/control-plane.md#references.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from penstock.core.did_you_mean import hint
from penstock.settings.text_file import TooLarge, read_text
from penstock.stores.definition import Unusable

VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
FILE: Final = "file:"
LARGEST_CREDENTIAL: Final = 64 << 10
"""Bytes of a file with a credential."""
WHOLE: Final = ("{", "-----BEGIN")
"""How files begin that count as a whole."""
_OWN: Final = "PENSTOCK_"
"""How the names of the gateway's own variables begin: among them are its keys."""
_NO_FILES: Final = ("/proc", "/sys", "/dev")
"""Folders of what looks like files and shows processes or devices: /proc/self/environ holds every variable."""


def reference_problem(reference: str) -> str | None:
    """Why a reference can't be used, whatever it leads to; None if it can."""
    scheme, _, rest = reference.partition(":")
    if scheme == "env" and VARIABLE.fullmatch(rest):
        return f"{rest} is the gateway's own variable" if rest.upper().startswith(_OWN) else None
    if scheme == "file" and "\x00" not in rest and Path(rest).is_absolute():
        return "the path leads to no ordinary file" if _shows_a_process(Path(rest)) else None
    return "expected env:NAME, or file:PATH with a path from the root"


def from_environment(name: str, environ: Mapping[str, str]) -> str:
    """A credential in an environment variable. Raises Unusable."""
    value = environ.get(name, "").strip()
    if not value:
        nearest = hint(name, environ, "set it where the gateway starts")
        raise Unusable(f"the environment variable {name} is not set: {nearest}")
    return value


class References:
    """Fetches what the references of the database lead to."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def resolve(self, reference: str) -> str:
        """The credential behind a reference: a variable's value, or what a file holds. Raises Unusable."""
        problem = reference_problem(reference)
        if problem is not None:
            raise Unusable(problem)
        scheme, _, rest = reference.partition(":")
        return from_environment(rest, self._environ) if scheme == "env" else _of_file(Path(rest))


def _of_file(path: Path) -> str:
    """The first line of a file; all of it where it is JSON (a service account) or PEM (a private key)."""
    try:
        # Links are followed first: what counts is where they lead.
        if _shows_a_process(path.resolve()):
            raise Unusable(f"{path} leads to no ordinary file")
        text = read_text(path, LARGEST_CREDENTIAL).strip()
    except OSError as error:
        raise Unusable(f"{path} can't be read: {error.strerror}") from None
    except TooLarge as error:
        raise Unusable(f"{path} can't be used: {error}") from None
    except ValueError:
        raise Unusable(f"{path} is not UTF-8 text") from None
    if not text:
        raise Unusable(f"{path} is empty")
    return text if text.startswith(WHOLE) else text.partition("\n")[0].strip()


def _shows_a_process(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in _NO_FILES)
