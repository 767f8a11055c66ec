"""Fields as they are written, and read again; receiving.py reads them with the official library."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.observe.telemetry.protobuf import (
    data,
    double,
    fixed32,
    fixed64,
    integer,
    packed_double,
    packed_fixed64,
    read_fields,
    text,
    varint,
)


def test_the_examples_of_the_guide() -> None:
    """https://protobuf.dev/programming-guides/encoding/#simple"""
    assert integer(1, 150) == b"\x08\x96\x01"
    assert text(2, "testing") == b"\x12\x07testing"
    assert varint(300) == b"\xac\x02"


@given(st.integers(1, 5000), st.integers(-(1 << 63), (1 << 64) - 1), st.binary(max_size=300))
def test_fields_are_read_as_they_were_written(field: int, number: int, value: bytes) -> None:
    written = integer(field, number) + data(field, value) + fixed64(field, 7) + fixed32(field, 8) + double(field, 1.5)
    read = list(read_fields(written))
    assert [each for each, _ in read] == [field] * 5
    assert [value for _, value in read][:2] == [number % (1 << 64), value]


@given(st.binary(max_size=40))
def test_any_bytes_are_read_wholed(message: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert all(field >= 0 for field, _ in read_fields(message))


@pytest.mark.parametrize("message", [b"\x0a\x05ab", b"\x08", b"\x08" + b"\xff" * 10, b"\x0b", b"\x09abc"])
def test_what_breaks_off_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"breaks off|wire type"):
        list(read_fields(message))


def test_packed_numbers_and_lone_surrogates() -> None:
    assert packed_fixed64(1, [1]) == b"\x0a\x08\x01" + b"\x00" * 7
    assert packed_double(1, []) == b"\x0a\x00"
    assert text(1, "a\ud800") == b"\x0a\x02a?"
