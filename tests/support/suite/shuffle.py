"""``--shuffle SEED``: the files in a random order, and the tests of each; what depends on the order fails."""

from __future__ import annotations

import random

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", metavar="SEED", help="run the tests in the random order that the seed gives")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Before pytest's own sorting, which brings together the tests that share a parametrised session fixture."""
    seed = config.getoption("shuffle")
    if seed is None:
        return
    chance = random.Random(seed)
    files = sorted({item.path for item in items})
    places = dict(zip(files, chance.sample(range(len(files)), len(files)), strict=True))
    items.sort(key=lambda item: (places[item.path], chance.random()))
