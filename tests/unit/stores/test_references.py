"""References of the database to credentials that are kept outside of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.stores.definition import Unusable
from penstock.stores.references import References, from_environment, reference_problem

REFERENCES = References({"OPENAI_API_KEY": " sk-of-the-operator \n", "PENSTOCK_SECRET_KEYS": "a:b", "EMPTY": ""})


def test_a_variable_is_read() -> None:
    assert REFERENCES.resolve("env:OPENAI_API_KEY") == "sk-of-the-operator"


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("sk-first\nsecond\n", "sk-first"),
        ('{\n "project_id": "p"\n}\n', '{\n "project_id": "p"\n}'),
        ("-----BEGIN PRIVATE KEY-----\nabc\n", "-----BEGIN PRIVATE KEY-----\nabc"),
    ],
)
def test_a_file_is_read_to_the_end_of_its_line_and_json_and_pem_to_their_end(
    tmp_path: Path, text: str, resolved: str
) -> None:
    file = tmp_path / "credential"
    file.write_text(text)
    assert REFERENCES.resolve(f"file:{file}") == resolved


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("env:PENSTOCK_SECRET_KEYS", "the gateway's own variable"),
        ("env:penstock_admin_key", "the gateway's own variable"),
        ("env:", "expected env:NAME"),
        ("env:A-B", "expected env:NAME"),
        ("file:relative", "a path from the root"),
        ("file:/proc/self/environ", "leads to no ordinary file"),
        ("file:/dev/stdin", "leads to no ordinary file"),
        ("keyring:a/b", "expected env:NAME"),
        ("sk-in-clear", "expected env:NAME"),
    ],
)
def test_a_reference_never_leads_to_the_gateways_own_secrets(reference: str, problem: str) -> None:
    assert problem in str(reference_problem(reference))
    with pytest.raises(Unusable, match=problem):
        REFERENCES.resolve(reference)


def test_a_link_into_proc_is_not_followed(tmp_path: Path) -> None:
    link = tmp_path / "credential"
    link.symlink_to("/proc/self/environ")
    with pytest.raises(Unusable, match="leads to no ordinary file"):
        REFERENCES.resolve(f"file:{link}")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="OPENAI_API_KY is not set: did you mean OPENAI_API_KEY"):
        REFERENCES.resolve("env:OPENAI_API_KY")
    with pytest.raises(Unusable, match="is not set"):
        from_environment("EMPTY", {"EMPTY": ""})
    with pytest.raises(Unusable, match="can't be read"):
        REFERENCES.resolve(f"file:{tmp_path / 'none'}")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(Unusable, match="is empty"):
        REFERENCES.resolve(f"file:{tmp_path / 'empty'}")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(Unusable, match="is not UTF-8 text"):
        REFERENCES.resolve(f"file:{tmp_path / 'binary'}")
    (tmp_path / "large").write_bytes(b"a" * (1 << 17))
    with pytest.raises(Unusable, match="can't be used"):
        REFERENCES.resolve(f"file:{tmp_path / 'large'}")
