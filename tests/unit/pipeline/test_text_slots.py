"""What is written for one request serves others of its form, with their texts in it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from calling import CHAT, call, prepared, route, target
from penstock.core.failure import Failure
from penstock.dialects.caller import RequestBody
from penstock.dialects.transcript import Transcript, transcript
from penstock.pipeline.prepare import PreparedRequest, prepare
from penstock.pipeline.text_slots import KnownForm, KnownForms, TextSlots, learn_form, marks_for


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=3, max_size=3))
def test_texts_stand_in_the_place_of_marks_for(texts: list[str]) -> None:
    first, second, third = marks_for(3)
    payload = json.dumps({"b": [second, {"c": first}, third], "n": 1}, ensure_ascii=False).encode()
    slots = TextSlots.of(payload, [first, second, third])
    assert slots is not None
    assert json.loads(slots.filled(texts)) == {"b": [texts[1], {"c": texts[0]}, texts[2]], "n": 1}


def test_marks_that_are_not_there_just_once() -> None:
    assert TextSlots.of('["Text 0 of 1… And more."]'.encode(), marks_for(1)) is None
    assert TextSlots.of('["Text 0 of 2…"]'.encode(), marks_for(2)) is None
    assert TextSlots.of('["Text 0 of 1…","Text 0 of 1…"]'.encode(), marks_for(1)) is None
    assert TextSlots.of(f'["Text 0 of 1…","{"x" * 5000}"]'.encode(), marks_for(1)) is None


def test_marks_in_a_request_that_is_written_in_ascii_are_not_found() -> None:
    for many in (marks_for(1), marks_for(3)):
        assert TextSlots.of(json.dumps(many, ensure_ascii=False).encode(), many) is not None
        assert TextSlots.of(json.dumps(many).encode(), many) is None, "other texts would be written otherwise"


def test_no_mark_is_the_beginning_of_another() -> None:
    many = marks_for(32)
    assert TextSlots.of(json.dumps(many, ensure_ascii=False).encode(), many) is not None


def known_form(**beside: Any) -> KnownForm | None:
    """What is learnt of a request to Anthropic."""
    asked, at = call({**CHAT, **beside}), route(target("anthropic"))
    assert asked.request is not None
    script = transcript(asked.request.body)
    assert script is not None

    def prepare_any(request: RequestBody) -> PreparedRequest | Failure:
        return prepare(msgspec.structs.replace(asked, request=request), at)

    return learn_form(script, asked.request, prepared(asked, at), prepare_any)


def test_what_is_learnt_of_one_request_serves_another() -> None:
    form, other = known_form(), call({**CHAT, "messages": [{"role": "user", "content": 'Say "yes".'}]})
    assert form is not None
    assert other.request is not None
    script = transcript(other.request.body)
    assert script is not None
    found, expected = form.prepared_for(script, other.request.body), prepared(other, route(target("anthropic")))
    assert (found.payload, found.headers, found.dropped) == (expected.payload, expected.headers, expected.dropped)
    assert found.body is other.request.body
    assert found.translation is not None
    assert found.translation is not form.prepared_for(script, other.request.body).translation


def test_a_request_in_which_its_texts_can_not_be_told_apart_teaches_nothing() -> None:
    assert known_form(stop=["Text 0 of 1…"]) is None


def said(beside: bytes, *roles: str) -> Transcript:
    return Transcript(roles, ("Hi",) * len(roles), beside)


def test_a_form_is_worth_learning_when_it_comes_again() -> None:
    forms, form = KnownForms(), said(b"{}", "user")
    assert not forms.comes_again(form)
    assert not forms.comes_again(said(b"{}", "system", "user"))
    assert forms.comes_again(form)
    known = known_form()
    forms.keep(form, known)
    assert forms.find(form) is known
    assert not forms.comes_again(form)


def test_a_form_that_can_not_be_learnt_is_not_tried_again() -> None:
    forms, form = KnownForms(), said(b"{}", "user")
    forms.keep(form, None)
    assert forms.find(form) is None
    assert not forms.comes_again(form)


def test_what_is_remembered_is_bounded() -> None:
    forms, known = KnownForms(), known_form()
    for large in (said(b"x" * 2000, "user"), said(b"{}", *["user"] * 40)):
        assert not any(forms.comes_again(large) for _ in range(3))
    for number in range(5000):
        forms.keep(said(b"%d" % number, "user"), known)
    found = [forms.find(said(b"%d" % number, "user")) for number in range(5000)]
    assert found.index(known) == 5000 - 4096, "those that were not asked for the longest time are forgotten"
    many = [said(b"many %d" % number, *["user"] * 32) for number in range(5000)]
    for each in many:
        forms.keep(each, known)
    assert sum(forms.find(each) is not None for each in many) == 4096 // 6, "of so many texts each is larger"
    for number in range(6000, 6100):
        assert not forms.comes_again(said(b"%d" % number, "user"))
    assert sum(forms.comes_again(said(b"%d" % number, "user")) for number in range(6000, 6100)) <= 32


def test_what_is_known_of_one_target_is_not_known_of_another() -> None:
    one, other, form = KnownForms(), KnownForms(), said(b"{}", "user")
    one.keep(form, known_form())
    assert one.find(form) is not None
    assert other.find(form) is None
