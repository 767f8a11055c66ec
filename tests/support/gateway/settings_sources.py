"""Settings read from a file or an environment that a test writes."""

from pathlib import Path

import pytest

from penstock.settings import SettingsError, load

NOWHERE = Path("/nonexistent")


def problems(
    flags: dict[str, str | None] | None = None, environ: dict[str, str] | None = None, cwd: Path = NOWHERE
) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(flags or {}, environ or {}, cwd)
    return list(caught.value.problems)


def in_file(tmp_path: Path, text: str) -> Path:
    (tmp_path / "penstock.toml").write_text(text)
    return tmp_path
