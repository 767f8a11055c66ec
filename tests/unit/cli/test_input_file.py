from pathlib import Path

import click
import pytest

from penstock.cli.input_file import read_input


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("é\n", encoding="utf-8")
    assert read_input(str(tmp_path / "a"), 10) == "é\n"


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "can't be read"), (b"x" * 11, "can't be used"), (b"\xff", "is not UTF-8 text")]
)
def test_what_can_be_wrong_with_it(tmp_path: Path, content: bytes | None, problem: str) -> None:
    file = tmp_path / "a"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(click.ClickException, match=problem):
        read_input(str(file), 10)
