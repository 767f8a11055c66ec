"""Ids that are bound to a target and a tenant: nobody else can read, make or change one."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.bound_id import Binder, ReadIds, is_bound, is_digest_of, with_ids

BINDER = Binder((b"secret",), "team")
RAW = st.from_regex(r"[a-z]{1,8}[-_][A-Za-z0-9]{3,40}", fullmatch=True)


@given(RAW, st.text(max_size=20), st.text(max_size=90))
def test_a_bound_id_is_read_again(raw: str, target: str, name: str) -> None:
    bound = BINDER.bind(raw, target, name)
    assert is_bound(bound)
    assert bound.startswith(raw[: len(raw) - len(raw.lstrip("abcdefghijklmnopqrstuvwxyz"))])
    read = BINDER.read(bound)
    assert read is not None
    assert (read.name, read.raw) == (name if len(name.encode()) <= 255 else "", raw)
    assert is_digest_of(read.digest, target)
    assert not is_digest_of(read.digest, target + "x")
    assert Binder((b"other",), "team").read(bound) is None
    assert Binder((b"secret",), "others").read(bound) is None
    assert Binder((b"newer", b"secret"), "team").read(bound) == read


@given(RAW, st.integers(0, 200), st.sampled_from("AZaz09-_"))
def test_a_changed_id_is_refused(raw: str, place: int, character: str) -> None:
    bound = BINDER.bind(raw, "target")
    place = bound.index("_pk_") + 4 + place % (len(bound) - bound.index("_pk_") - 4)
    changed = bound[:place] + character + bound[place + 1 :]
    read = BINDER.read(changed)
    # The last character of base64 has bits that mean nothing.
    assert read is None or read == BINDER.read(bound)


@given(st.text(max_size=60))
def test_any_text_is_read_wholed(text: str) -> None:
    assert BINDER.read(text) is None
    assert BINDER.read(f"file_pk_{text}") is None


def test_what_the_ids_of_a_request_say() -> None:
    first, second = BINDER.bind("file-1", "one", "@one"), BINDER.bind("file-2", "two")
    ids = ReadIds(BINDER)
    assert [ids.read(text) for text in (first, "file-0", first)] == ["file-1", "file-0", "file-1"]
    assert (ids.name, ids.failure) == ("@one", None)
    assert ids.read(second) == "file-2"
    assert ids.failure is not None
    assert ids.failure.status == 400
    assert ids.read("file_pk_x") == "file_pk_x"
    assert ids.failure.status == 404
    without = ReadIds(None)
    assert (without.read(first), without.digest, without.failure) == (first, None, None)


def test_ids_are_found_by_the_names_of_members() -> None:
    value = {
        "id": "file-123", "object": "batch", "input_file_id": "file-2", "file_ids": ["file-3"], "error_file_id": None,
        "custom_id": "mine-1", "status": "done", "data": [{"id": "batch_1", "metadata": {"note": "file-9"}}], "n": 1,
        "last_id": "an id", "result_files": ["file-4"],
    }  # fmt: skip
    found: list[str] = []

    def change(raw: str) -> str:
        found.append(raw)
        return raw.upper()

    changed = with_ids(value, change)
    assert found == ["file-123", "file-2", "file-3", "batch_1", "file-4"]
    assert changed["data"][0] == {"id": "BATCH_1", "metadata": {"note": "file-9"}}
    assert (changed["custom_id"], changed["last_id"], changed["error_file_id"]) == ("mine-1", "an id", None)


def test_ids_in_names_of_collections() -> None:
    kept = frozenset({"batches", "files"})
    value = {
        "name": "batches/b-12", "batch": {"input_config": {"fileName": "files/f-12"}}, "id": "x-12",
        "model": "models/m-12", "display": {"name": "about batches/b-12"}, "other": [{"name": "caches/c-12"}],
    }  # fmt: skip
    changed = with_ids(value, str.upper, kept)
    assert changed == {
        **value, "name": "batches/B-12", "batch": {"input_config": {"fileName": "files/F-12"}}, "id": "X-12",
    }  # fmt: skip
    assert with_ids(value, str.upper) == {**value, "id": "X-12"}


def test_a_value_of_any_depth() -> None:
    """Who sends it chooses the depth: none of them ends in a defect."""
    value: Any = {"file_id": "file-1"}
    for _ in range(5000):
        value = [{"a": value}]
    order: list[str] = []

    def change(text: str) -> str:
        order.append(text)
        return text.upper()

    changed = with_ids({"first_id": "x-1", "value": value, "last_id": "x-2"}, change)
    assert order == ["x-1", "file-1", "x-2"]
    assert list(changed) == ["first_id", "value", "last_id"]
    assert (changed["first_id"], changed["last_id"]) == ("X-1", "X-2")
