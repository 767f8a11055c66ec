"""Each kind of credential is found, and no word that begins alike."""

from __future__ import annotations

import pytest

from judging import judged
from penstock.guards.detect.secrets import SECRETS
from personal_data import SECRET_EXAMPLES


def test_every_kind_has_an_example() -> None:
    assert SECRET_EXAMPLES.keys() == SECRETS.keys()


@pytest.mark.parametrize("kind", SECRET_EXAMPLES)
def test_an_example_is_found(kind: str) -> None:
    for text in (SECRET_EXAMPLES[kind], f'key="{SECRET_EXAMPLES[kind]}";', f"a\n{SECRET_EXAMPLES[kind]}\n"):
        judgement = judged("penstock.secrets", {}, text)
        assert (judgement.verdict, judgement.data["detected"]) == (False, {kind: 1}), text
        assert SECRET_EXAMPLES[kind] not in str(judgement.data)


@pytest.mark.parametrize(
    "text", ["sk-learn", "the SKILLS of ACTORS", "ghp_short", "eyJub3QganNvbiBhdCBhbGw.e30e30e30.x", "-----BEGIN CERTIFICATE-----"]
)  # fmt: skip
def test_what_is_no_credential(text: str) -> None:
    assert judged("penstock.secrets", {}, text).verdict
