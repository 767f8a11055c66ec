"""What a saved config must be."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.stores.catalogue import SavedConfig, VirtualKey
from penstock.stores.config_definitions import saved_configs
from penstock.stores.definition import Definition


def test_a_config_is_found_by_name_and_by_id_and_judged_beside_the_virtual_keys() -> None:
    problems: list[str] = []
    definitions = [
        Definition("configs", "good", {"id": "pc-1", "is": {"provider": "echo"}}, problems),
        Definition("configs", "bad", {"is": {"retry": 1}}, problems),
        Definition("configs", "none", {"is": []}, problems),
    ]
    virtual_keys = {"v": VirtualKey("v", "echo")}

    def check(body: bytes, beside: Mapping[str, VirtualKey]) -> str | None:
        assert beside is virtual_keys
        return "retry must be an object" if b"retry" in body else None

    configs = saved_configs(definitions, lambda values: values["is"], check, virtual_keys)
    good = SavedConfig("good", b'{"provider":"echo"}')
    assert (configs["good"], configs["pc-1"]) == (good, good)
    assert problems == ["configs.bad: retry must be an object", "configs.none: the config must be an object"]
