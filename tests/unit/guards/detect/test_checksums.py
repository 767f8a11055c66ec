"""Numbers that documents give as examples are right, and a digit more is not."""

from __future__ import annotations

import pytest

from penstock.guards.detect import checksums


@pytest.mark.parametrize(
    ("check", "number"),
    [
        (checksums.luhn, "4111111111111111"),
        (checksums.luhn, "378282246310005"),
        (checksums.mod97, "DE89370400440532013000"),
        (checksums.mod97, "GB82WEST12345698765432"),
        (checksums.verhoeff, "234123412346"),
        (checksums.nhs, "9434765919"),
        (checksums.german_tax, "86095742719"),
        (checksums.french_nir, "255081416802538"),
        (checksums.spanish_nif, "12345678Z"),
        (checksums.spanish_nif, "X1234567L"),
        (checksums.codice_fiscale, "RSSMRA85T10A562S"),
        (checksums.pesel, "44051401359"),
        (checksums.personnummer, "8112189876"),
        (checksums.belgian, "93051822361"),
        (checksums.hetu, "131052-308T"),
        (checksums.ean13, "7569217076985"),
        (checksums.chinese, "11010519491231002X"),
        (lambda digits: checksums.brazilian(digits, 11), "52998224725"),
        (lambda digits: checksums.brazilian(digits, 14), "11222333000181"),
        (lambda digits: checksums.eleven(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)), "111222333"),
        (lambda digits: checksums.eleven(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)), "123456782"),
    ],
)
def test_a_number_and_its_neighbours(check: object, number: str) -> None:
    assert callable(check)
    assert check(number)
    at = next(index for index in range(len(number) // 2, len(number)) if number[index].isdecimal())
    others = [number[:at] + digit + number[at + 1 :] for digit in "0123456789" if digit != number[at]]
    assert sum(bool(check(other)) for other in others) <= 1


def test_equal_digits_are_no_number() -> None:
    assert not checksums.luhn("0000000000000000")
    assert not checksums.verhoeff("000000000000")


def test_a_korean_number() -> None:
    digits = "900101123456"
    assert sum(checksums.korean(f"{digits}{check}") for check in range(10)) == 1
