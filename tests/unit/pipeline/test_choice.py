"""Who a request asks for by its path and its model: what is taken off the model, and when nothing is."""

from __future__ import annotations

from typing import Any

import pytest

from calling import CHAT, call
from penstock.core.bound_id import Binder, ReadIds
from penstock.core.permissions import Permissions
from penstock.core.virtual_key import VirtualKey
from penstock.pipeline.authenticate import Caller
from penstock.pipeline.choice import ID, MODEL, NO_CHOICE, PATH, Choice, Names, choose, model_may_choose, unknown_name
from penstock.stores.catalogue import Catalogue, GatewayKey, SavedConfig

CATALOGUE = Catalogue({"prod": VirtualKey("prod", "openai")}, {"cheap": SavedConfig("cheap", b"{}")})
NAMES = Names(("openai", "groq", "workers-ai", "openrouter"), {"gpt": "openai"}, frozenset({"openrouter"}))


def chosen(
    model: str, path: str | None = None, *, names: Names = NAMES, has_config: bool = False, **headers: Any
) -> tuple[Choice, str | None]:
    asked = call({**CHAT, "model": model}, **headers)
    asked.path_name = path
    choice = choose(asked, names, CATALOGUE, has_config=has_config)
    assert asked.request is not None
    assert asked.request.model == asked.request.body.text("model")
    return choice, asked.request.model


HEADER: dict[str, Any] = {"x_portkey_provider": "groq"}


@pytest.mark.parametrize(
    ("model", "given", "choice", "left"),
    [
        ("gpt-4o", {}, NO_CHOICE, "gpt-4o"),
        ("openai/gpt-4o", {}, Choice("openai", where=MODEL), "gpt-4o"),
        ("gpt/gpt-4o", {}, Choice("gpt", where=MODEL), "gpt-4o"),
        ("groq/openai/x", {}, Choice("groq", where=MODEL), "openai/x"),
        ("meta/llama", {}, NO_CHOICE, "meta/llama"),
        ("prod/gpt-4o", {}, NO_CHOICE, "prod/gpt-4o"),
        ("openai/", {}, NO_CHOICE, "openai/"),
        ("/gpt-4o", {}, NO_CHOICE, "/gpt-4o"),
        ("OpenAI/gpt-4o", {}, NO_CHOICE, "OpenAI/gpt-4o"),
        ("openai/gpt-4o", HEADER, NO_CHOICE, "openai/gpt-4o"),
        ("openai/gpt-4o", {"has_config": True}, NO_CHOICE, "openai/gpt-4o"),
        ("@openai/gpt-4o", {"has_config": True}, Choice("@openai", where=MODEL), "gpt-4o"),
        ("@openai/gpt-4o", HEADER, NO_CHOICE, "@openai/gpt-4o"),
        ("@groq/x", HEADER, NO_CHOICE, "x"),
        ("@groq/@groq/x", {"x_portkey_provider": "@groq"}, NO_CHOICE, "@groq/x"),
        ("@openai/x", {"path": "openai"}, Choice("openai", where=PATH), "x"),
        ("@gpt/x", {"path": "openai"}, Choice("openai", where=PATH), "x"),
        ("@prod/gpt-4o", {}, Choice("@prod", where=MODEL), "gpt-4o"),
        ("@prod/gpt-4o", HEADER, Choice("@prod", where=MODEL), "gpt-4o"),
        ("@no-such/gpt-4o", {}, Choice("@no-such", where=MODEL), "@no-such/gpt-4o"),
        ("@no-such/gpt-4o", HEADER, NO_CHOICE, "@no-such/gpt-4o"),
        ("@cf/meta/x", {}, Choice("@cf", where=MODEL), "@cf/meta/x"),
        ("@cf/meta/x", {"has_config": True}, NO_CHOICE, "@cf/meta/x"),
        ("gpt-4o", {"path": "prod"}, Choice("@prod", where=PATH), "gpt-4o"),
        ("gpt-4o", {"path": "cheap"}, Choice(config="cheap", where=PATH), "gpt-4o"),
        ("groq/x", {"path": "openai"}, Choice("openai", where=PATH), "groq/x"),
        ("x", {"path": "nope"}, Choice(where=PATH, unknown="nope"), "x"),
    ],
)
def test_what_names_a_target(model: str, given: dict[str, Any], choice: Choice, left: str) -> None:
    assert chosen(model, **given) == (choice, left)


@pytest.mark.parametrize(
    ("name", "model", "pins", "headers", "choice"),
    [
        ("@prod", "gpt-4o", False, {}, Choice("@prod", where=ID)),
        ("openai", "gpt-4o", False, {}, Choice("openai", where=ID)),
        ("c/cheap", "gpt-4o", False, {}, Choice(config="cheap", where=ID)),
        ("@prod", "groq/x", False, {}, Choice("groq", where=MODEL)),
        ("@prod", "gpt-4o", False, HEADER, NO_CHOICE),
        ("@prod", "gpt-4o", True, {}, NO_CHOICE),
        ("", "gpt-4o", False, {}, NO_CHOICE),
    ],
)
def test_an_id_says_who_has_what_it_names(
    name: str, model: str, pins: bool, headers: dict[str, Any], choice: Choice
) -> None:
    binder, asked = Binder((b"secret",), ""), call({**CHAT, "model": model}, **headers)
    asked.ids = ReadIds(binder)
    asked.ids.read(binder.bind("resp_1", "account", name))
    asked.caller = Caller(GatewayKey("team", b"", pins_config=pins))
    assert choose(asked, NAMES, CATALOGUE, has_config=False) == choice
    assert model_may_choose(asked, CATALOGUE) is bool(name or "/" in model)


@pytest.mark.parametrize(
    ("default", "left"),
    [(None, "x"), ("openai", "x"), ("gpt", "x"), ("@prod", "x"), ("openrouter", "groq/x"), ("@openrouter", "groq/x")],
)
def test_the_default_provider_decides_on_slashes(default: str | None, left: str) -> None:
    names = Names(NAMES.providers, NAMES.aliases, NAMES.many_makers, default)
    assert chosen("groq/x", names=names)[1] == left


def test_an_unknown_name_is_told_with_what_the_caller_may_use() -> None:
    told = unknown_name("openrouterr", NAMES, CATALOGUE, Permissions(providers=frozenset({"groq"})))
    assert "openrouter'" not in told.message.replace("'openrouterr'", "")
    assert "did you mean 'openrouter'?" in unknown_name("openrouterr", NAMES, CATALOGUE, Permissions()).message
    assert len(unknown_name("x" * 9999, NAMES, CATALOGUE, Permissions()).message) < 300
