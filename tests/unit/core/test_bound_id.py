"""Ids that are bound to a target and a tenant: nobody else can read, make or change one."""

from __future__ import annotations

from typing import Any

import pytest
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
    changed = first[:-1] + ("A" if first[-2] != "A" else "B") * 2
    assert ids.read(changed) == changed
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


@pytest.mark.parametrize("text", ["users_pk_12", "file_pk_", "Table_pk_" + "a" * 40, "a_pk_" + "é" * 40, "x"])
def test_a_key_of_a_callers_own_table_is_no_bound_id(text: str) -> None:
    ids = ReadIds(BINDER)
    assert (is_bound(text), ids.read(text), ids.failure) == (False, text, None)


def test_the_shortest_bound_id() -> None:
    bound = Binder((b"secret",), "").bind("a12", "")
    assert is_bound(bound)
    assert Binder((b"secret",), "").read(bound) is not None


def test_what_a_caller_notes_of_a_thing_is_its_own() -> None:
    """``customer_id`` in its metadata is no id of the provider's, whatever it looks like."""
    own = {"customer_id": "cust-123", "id": "row-77", "more": [{"doc_ids": ["doc-123"]}]}
    value = {
        "id": "batch_1", "metadata": own, "data": [{"file_id": "file-2", "attributes": own}],
        "source": {"content": [{"item": own}], "id": "source-1"}, "datasource_item": own,
    }  # fmt: skip
    changed = with_ids(value, str.upper)
    assert changed == {
        "id": "BATCH_1", "metadata": own, "data": [{"file_id": "FILE-2", "attributes": own}],
        "source": {"content": [{"item": own}], "id": "SOURCE-1"}, "datasource_item": own,
    }  # fmt: skip


def test_a_tools_result_finds_its_call() -> None:
    """Its ``tool_call_id`` goes to the provider as it is, so the call's ``id`` comes as it is."""
    calls = [{"id": "call_123", "type": "file_search", "file_search": {"results": [{"file_id": "file-1"}]}}]
    changed = with_ids({"id": "run_12", "submit_tool_outputs": {"tool_calls": calls}}, str.upper)
    (call,) = changed["submit_tool_outputs"]["tool_calls"]
    assert (changed["id"], call["id"]) == ("RUN_12", "call_123")
    assert call["file_search"]["results"] == [{"file_id": "FILE-1"}]
    assert with_ids({"tool_outputs": [{"tool_call_id": "call_123"}]}, str.upper)["tool_outputs"] == [
        {"tool_call_id": "call_123"}
    ]


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
