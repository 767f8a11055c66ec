"""Who asks, and what they may do."""

import pytest

from penstock.control.actor import CLI, Actor
from penstock.control.refusal import Refusal, Why


def test_an_actor_holds_one_of_some_scopes() -> None:
    actor = Actor("api_key", "1", frozenset({"configs.read"}), "ws")
    assert actor.may("configs.list", "configs.read")
    assert not actor.may("configs.list")
    assert actor.may()
    assert not actor.is_of_organisation
    assert (actor.name, CLI.name) == ("1", "cli")
    with pytest.raises(Refusal, match=r"scope configs\.list or configs\.create") as refused:
        actor.require("configs.list", "configs.create")
    assert refused.value.why is Why.FORBIDDEN
