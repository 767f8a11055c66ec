"""What every ``CatalogueSource`` does, wherever its catalogue comes from. An implementation adds a parameter."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from penstock.stores.base import CatalogueSource
from penstock.stores.catalogue import Catalogue, CatalogueChange, GatewayKey, SavedConfig, VirtualKey
from penstock.stores.file import CatalogueFile
from penstock.stores.memory import MemoryCatalogue


def key(name: str, **more: str) -> GatewayKey:
    return GatewayKey(name, hashlib.sha256(name.encode()).digest(), labels=more)


FIRST = Catalogue(
    {"v": VirtualKey("v", "echo"), "w": VirtualKey("w", "echo")},
    {"c": SavedConfig("c", b'{"provider":"echo"}')},
    (key("a"), key("b")),
)
SECOND = Catalogue(
    {"v": VirtualKey("v", "openai"), "w": VirtualKey("w", "echo")},
    {"c": SavedConfig("c", b'{"provider":"echo"}'), "d": SavedConfig("d", b"{}")},
    (key("a", team="search"),),
)


class Source(msgspec.Struct):
    """A source under test whose catalogue is ``FIRST``, and the way to put another one in force."""

    source: CatalogueSource
    put: Callable[[Catalogue], Awaitable[None]]


def in_memory(_: Path) -> Source:
    source = MemoryCatalogue(FIRST)

    async def put(catalogue: Catalogue) -> None:
        source.replace(catalogue)

    return Source(source, put)


def in_a_file(folder: Path) -> Source:
    path = folder / "penstock.toml"
    path.write_text(as_toml(FIRST))
    source = CatalogueFile(path, {}, ("echo", "openai"))

    async def put(catalogue: Catalogue) -> None:
        path.write_text(as_toml(catalogue))
        await source._reread(path)

    return Source(source, put)


def as_toml(catalogue: Catalogue) -> str:
    lines = []
    for virtual_key in catalogue.virtual_keys.values():
        lines += [f"[virtual_keys.{virtual_key.name}]", f"provider = '{virtual_key.provider}'"]
    for config in catalogue.configs.values():
        lines.append(f"[configs.{config.name}]")
        lines += [f"{name} = '{value}'" for name, value in msgspec.json.decode(config.body).items()]
    for each in catalogue.keys:
        lines += [f"[keys.{each.name}]", f"hash = 'sha256:{each.digest.hex()}'", f"[keys.{each.name}.labels]"]
        lines += [f"{name} = '{value}'" for name, value in each.labels.items()]
    return "\n".join(lines)


@pytest.fixture(params=[in_memory, in_a_file], ids=["memory", "file"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    made: Source = request.param(tmp_path)
    return made


async def test_the_catalogue_in_force(source: Source) -> None:
    before = source.source.current
    assert before == FIRST
    await source.put(SECOND)
    assert source.source.current == SECOND
    assert before == FIRST


async def test_every_watcher_hears_which_names_changed(source: Source) -> None:
    heard: list[tuple[str, CatalogueChange, Catalogue]] = []
    for name in ("one", "two"):
        source.source.watch(lambda change, name=name: heard.append((name, change, source.source.current)))  # type: ignore[misc]
    await source.put(SECOND)
    change = CatalogueChange(frozenset({"v"}), frozenset({"d"}), frozenset({"a", "b"}))
    assert heard == [("one", change, SECOND), ("two", change, SECOND)]


async def test_nobody_hears_of_a_catalogue_that_is_the_same(source: Source) -> None:
    heard: list[CatalogueChange] = []
    source.source.watch(heard.append)
    await source.put(FIRST)
    assert heard == []
