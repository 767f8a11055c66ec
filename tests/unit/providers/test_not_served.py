"""Every provider that the reference gateway knows is a row here, or is named with the reason why not."""

import json

import pytest

from penstock.providers.not_served import NOT_SERVED, NotServed
from penstock.providers.registry import PROVIDERS
from running import SHARED, needs_recordings

SPEC = SHARED / "spec" / "providers.json"


def test_each_slug_is_named_once_in_alphabetical_order() -> None:
    slugs = [each.slug for each in NOT_SERVED]
    assert slugs == sorted(set(slugs))


def test_what_is_served_is_not_named() -> None:
    assert not {each.slug for each in NOT_SERVED} & PROVIDERS.keys()


@pytest.mark.parametrize("each", NOT_SERVED, ids=lambda each: each.slug)
def test_a_reason_is_one_sentence_with_a_link(each: NotServed) -> None:
    assert each.reason[0].isupper()
    assert each.reason.endswith(".")
    assert ". " not in each.reason
    assert each.link.startswith("https://")


@needs_recordings
def test_every_provider_of_the_reference_is_accounted_for() -> None:
    slugs = {entry["slug"] for entry in json.loads(SPEC.read_text()) if entry["slug"]}
    assert slugs - PROVIDERS.keys() - {each.slug for each in NOT_SERVED} == set()
