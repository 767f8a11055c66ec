"""A config's changes to parameters: defaults fill gaps, overrides replace, and what is taken out goes last."""

from __future__ import annotations

from penstock.core.body import Body
from penstock.core.parameter_changes import NO_CHANGES, ParameterChanges

BODY = Body.parse(b'{"model":"m","seed":1.0,"stop":null}')


def test_without_changes_a_body_stays_the_same() -> None:
    assert NO_CHANGES.filled(BODY) is BODY
    assert NO_CHANGES.removed(BODY) is BODY


def test_a_default_fills_a_gap_and_replaces_nothing() -> None:
    changes = ParameterChanges(defaults={"seed": b"2", "stop": b'"x"', "top_p": b"0.50"})
    assert changes.filled(BODY).encode() == b'{"model":"m","seed":1.0,"stop":"x","top_p":0.50}'
    assert ParameterChanges(defaults={"seed": b"2"}).filled(BODY) is BODY


def test_an_override_replaces_and_comes_before_a_default() -> None:
    changes = ParameterChanges(defaults={"stop": b'"x"'}, overrides={"model": b'"o"', "stop": b'"y"'})
    assert changes.filled(BODY).encode() == b'{"model":"o","seed":1.0,"stop":"y"}'


def test_what_is_taken_out_may_have_been_put_in_before() -> None:
    changes = ParameterChanges(overrides={"a": b'{"b":1,"c":2}'}, removes=(("a", "b"), ("seed",), ("absent",)))
    assert changes.removed(changes.filled(BODY)).encode() == b'{"model":"m","stop":null,"a":{"c":2}}'


def test_the_callers_body_is_left_as_it_is() -> None:
    changes = ParameterChanges(overrides={"model": b'"o"'}, removes=(("seed",),))
    changes.removed(changes.filled(BODY))
    assert BODY.encode() == b'{"model":"m","seed":1.0,"stop":null}'


def test_the_beginning_of_the_callers_model_may_be_taken_away() -> None:
    changes = ParameterChanges(model_prefix="openai/")
    body = Body.parse(b'{"model":"openai/gpt-4o"}')
    assert changes.fills
    assert changes.filled(body).encode() == b'{"model":"gpt-4o"}'
    for other in (b'{"model":"gpt-4o"}', b'{"model":"openai/"}', b'{"model":7}', b"{}"):
        untouched = Body.parse(other)
        assert changes.filled(untouched) is untouched
    override = ParameterChanges(overrides={"model": b'"o"'}, model_prefix="openai/")
    assert override.filled(body).encode() == b'{"model":"o"}'
