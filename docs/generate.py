"""Writes the reference pages that come from the code: ``make docs``. A test fails where one of them is stale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from generators.config_members import config_members_module
from generators.endpoints import endpoints_page
from generators.errors import errors_page
from generators.models import models_page
from generators.providers import providers_page
from generators.settings import example_file, settings_page

ROOT: Final = Path(__file__).parents[1]

PAGES: Final[dict[str, Callable[[], str]]] = {
    "docs/endpoints.md": endpoints_page,
    "docs/settings.md": settings_page,
    "docs/errors.md": errors_page,
    "docs/providers.md": providers_page,
    "docs/models.md": models_page,
    "penstock.example.toml": example_file,
    "console/src/config_members.ts": config_members_module,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), encoding="utf-8")
