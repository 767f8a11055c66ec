"""Several catalogues as one: the first that has a name says what it means."""

from penstock.prices.adjust import OwnPrices
from penstock.prices.book import Overlay, OverlayEntry
from penstock.prices.rates import ModelPrices
from penstock.prices.table import PriceTable, encode
from penstock.stores.catalogue import EMPTY, Catalogue, CatalogueChange, GatewayKey, SavedConfig, VirtualKey
from penstock.stores.layered import LayeredCatalogue, layer
from penstock.stores.memory import MemoryCatalogue

FILE = Catalogue(
    {"prod": VirtualKey("prod", "openai")}, {"c": SavedConfig("c", b"1")}, (GatewayKey("file", b"f" * 32),)
)
DATABASE = Catalogue(
    {"prod": VirtualKey("prod", "echo"), "test": VirtualKey("test", "echo")},
    {"c": SavedConfig("c", b"2"), "d": SavedConfig("d", b"3")},
    (GatewayKey("database", b"d" * 32), GatewayKey("shadowed", b"f" * 32)),
)


def test_the_first_wins() -> None:
    found = layer([FILE, DATABASE])
    assert {name: key.provider for name, key in found.virtual_keys.items()} == {"prod": "openai", "test": "echo"}
    assert {name: config.body for name, config in found.configs.items()} == {"c": b"1", "d": b"3"}
    assert {key.name for key in found.keys} == {"file", "database"}


def test_one_that_is_guarded_guards_all() -> None:
    assert not layer([EMPTY, EMPTY]).is_guarded
    assert layer([EMPTY, Catalogue(is_guarded=True)]).is_guarded


def test_changes_of_each_are_heard() -> None:
    file, database = MemoryCatalogue(FILE), MemoryCatalogue(EMPTY)
    layered = LayeredCatalogue([file, database])
    heard: list[CatalogueChange] = []
    layered.watch(heard.append)
    database.replace(DATABASE)
    assert heard[-1].virtual_keys == {"test"}
    file.replace(EMPTY)
    assert heard[-1].virtual_keys == {"prod"}
    assert layered.current.virtual_keys == DATABASE.virtual_keys


def test_a_catalogue_that_becomes_guarded_is_heard() -> None:
    database = MemoryCatalogue(EMPTY)
    layered = LayeredCatalogue([MemoryCatalogue(EMPTY), database])
    database.replace(Catalogue(is_guarded=True))
    assert layered.current.is_guarded


def test_prices_of_a_virtual_key_come_from_where_the_key_does() -> None:
    theirs, other = OwnPrices("own@1"), OwnPrices("own@2")
    key = VirtualKey("prod", "openai", None)
    database = Catalogue({"prod": key, "other": key}, own_prices={"prod": theirs, "other": other})
    layered = layer([Catalogue({"prod": key}), database])
    assert layered.own_prices == {"other": other}


def test_prices_of_the_file_and_of_the_database_are_both_there() -> None:
    overlay = Overlay("overlay@1", {("openai", "m"): OverlayEntry(ModelPrices(()))})
    table = PriceTable(encode("loaded", {}))
    layered = layer([Catalogue(overlay=overlay), Catalogue(price_table=table)])
    assert (layered.overlay, layered.price_table) == (overlay, table)
