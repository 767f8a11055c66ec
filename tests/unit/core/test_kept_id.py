"""Ids of responses that the gateway keeps."""

from __future__ import annotations

import pytest

from penstock.core import kept_id

SEED = kept_id.seed(1_700_000_000_123, bytes(range(kept_id.ENTROPY)))
ID = f"resp_{SEED}"


def test_an_id_tells_when_it_was_made() -> None:
    assert kept_id.is_kept(ID)
    assert kept_id.made_at(ID) == 1_700_000_000_123


@pytest.mark.parametrize("prefix", ["msg", "rs", "fc", "ctc", "item"])
def test_an_item_names_its_response(prefix: str) -> None:
    assert kept_id.response_of(f"{prefix}_{SEED}0001") == ID


@pytest.mark.parametrize(
    "other", ["", "resp_1", "resp_pk_abc", ID + "0", ID[:-1], ID.upper(), f"msg_{SEED}0001", "é" * 42]
)
def test_other_ids_are_none(other: str) -> None:
    assert not kept_id.is_kept(other)
    assert kept_id.made_at(other) == 0


@pytest.mark.parametrize("other", ["", ID, "msg_1", f"msg_{SEED}", f"msg_{SEED}1", f"msg_{SEED}xyzw"])
def test_other_items_have_no_response(other: str) -> None:
    assert kept_id.response_of(other) is None
