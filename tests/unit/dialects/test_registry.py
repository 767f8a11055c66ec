"""Every dialect that a provider's row may name, under its own name."""

import pytest

from penstock.dialects.dialect import ProviderDialect
from penstock.dialects.registry import DIALECTS


@pytest.mark.parametrize(("name", "dialect"), DIALECTS.items())
def test_each_is_found_by_its_name(name: str, dialect: ProviderDialect) -> None:
    assert dialect.name == name


def test_no_two_write_alike() -> None:
    assert len({dialect.write for dialect in DIALECTS.values()}) == len(DIALECTS)
