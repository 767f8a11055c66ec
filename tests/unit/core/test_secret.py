"""A secret has one way out."""

import pickle

import pytest

from penstock.core.secret import Secret


def test_a_secret_has_one_way_out() -> None:
    secret = Secret("sk-very-secret")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>40}", "%s" % secret, "{!r}".format(secret)]  # noqa: UP031, UP032
    assert not any("very" in text for text in shown)
    assert secret.reveal() == "sk-very-secret"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_secrets_compare_by_their_text() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
