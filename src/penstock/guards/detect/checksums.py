"""The check digits of card numbers, bank accounts and national numbers. Each function takes digits as text.

A number whose digits are all equal is no number that anybody has, though zeros pass most sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_VERHOEFF_D: Final = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_P: Final = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
_NIF: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_ODD_DIGITS: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_ODD_LETTERS: Final = (2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_ODD: Final = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", _ODD_DIGITS + _ODD_DIGITS + _ODD_LETTERS, strict=True))


def varies(digits: str) -> bool:
    """Whether not all digits are the same one."""
    return len(set(digits)) > 1


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0 and varies(digits)


def mod97(text: str) -> bool:
    """ISO 13616: an IBAN's first four characters go to its end, letters count from 10."""
    moved = text[4:] + text[:4]
    return int("".join([str(int(each, 36)) for each in moved])) % 97 == 1


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of digits, each times its weight."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def verhoeff(digits: str) -> bool:
    """Verhoeff's sum over a dihedral group: India's Aadhaar."""
    state = 0
    for index, digit in enumerate(reversed(digits)):
        state = int(_VERHOEFF_D[state][int(_VERHOEFF_P[index % 8][int(digit)])])
    return state == 0 and varies(digits)


def eleven(digits: str, weights: Sequence[int]) -> bool:
    """A weighted sum that eleven divides: the Netherlands' BSN (the last weight is -1)."""
    return weighted(digits, weights) % 11 == 0 and varies(digits)


def nhs(digits: str) -> bool:
    """The number of the United Kingdom's National Health Service."""
    check = 11 - weighted(digits, range(10, 1, -1)) % 11
    return check != 10 and check % 11 == int(digits[9]) and varies(digits)


def german_tax(digits: str) -> bool:
    """ISO 7064 MOD 11,10; of the first ten digits one occurs twice or three times."""
    product = 10
    for digit in digits[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return digits[0] != "0" and len(set(digits[:10])) in {8, 9} and (11 - product) % 10 == int(digits[10])


def french_nir(text: str) -> bool:
    """France's number of social security: 97 minus the rest of the first thirteen; Corsica's letters are digits."""
    digits = text[:13].replace("2A", "19", 1).replace("2B", "18", 1)
    return digits.isdecimal() and 97 - int(digits) % 97 == int(text[13:15])


def spanish_nif(text: str) -> bool:
    """Spain's DNI and NIE: the letter is the number's rest by 23."""
    number = {"X": "0", "Y": "1", "Z": "2"}.get(text[0], text[0]) + text[1:-1]
    return _NIF[int(number) % 23] == text[-1]


def codice_fiscale(text: str) -> bool:
    """Italy's tax code: its last letter follows from the fifteen before."""
    total = sum(_ODD[each] if index % 2 == 0 else int(each, 36) % 10 if each.isdecimal() else ord(each) - 65
                for index, each in enumerate(text[:15]))  # fmt: skip
    return chr(65 + total % 26) == text[15]


def brazilian(digits: str, length: int) -> bool:
    """Brazil's CPF (eleven digits) and CNPJ (fourteen)."""
    for count in (length - 2, length - 1):
        weights = [2 + (count - 1 - index) % (8 if length == 14 else 12) for index in range(count)]
        if weighted(digits[:count], weights) * 10 % 11 % 10 != int(digits[count]):
            return False
    return varies(digits)


def pesel(digits: str) -> bool:
    """Poland's PESEL."""
    return -weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10 == int(digits[10]) and _has_date(digits[2:6])


def personnummer(digits: str) -> bool:
    """Sweden's personnummer: Luhn over its last ten digits, of which six are a date."""
    return luhn(digits[-10:]) and _has_date(digits[-8:-4])


def belgian(digits: str) -> bool:
    """Belgium's national number: 97 minus the rest of its nine digits, with a 2 before them from 2000 on."""
    check = int(digits[9:])
    return check in {97 - int(digits[:9]) % 97, 97 - int("2" + digits[:9]) % 97}


def hetu(text: str) -> bool:
    """Finland's personal identity code: the character that its nine digits' rest by 31 names."""
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(text[:6] + text[7:10]) % 31] == text[10]


def ean13(digits: str) -> bool:
    """The check digit of articles, and of Switzerland's number of old-age insurance."""
    return weighted(digits, (1, 3) * 7) % 10 == 0


def chinese(text: str) -> bool:
    """China's resident identity number: ISO 7064 MOD 11-2."""
    rest = weighted(text[:17], [2 ** (17 - index) % 11 for index in range(17)]) % 11
    return "10X98765432"[rest] == text[17] and _has_date(text[10:14])


def korean(digits: str) -> bool:
    """South Korea's resident registration number."""
    check = (11 - weighted(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10
    return check == int(digits[12]) and _has_date(digits[2:6])


def _has_date(digits: str) -> bool:
    """Whether two digits can be a month and two a day: centuries and kinds of numbers add to both in some countries."""
    return int(digits[:2]) % 20 in range(1, 13) and int(digits[2:]) % 60 in range(1, 32)
