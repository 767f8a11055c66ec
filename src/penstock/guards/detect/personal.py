"""The personal data that ``penstock.pii`` knows: mail addresses, numbers of cards, accounts and people.

A kind with check digits counts only where they are right. A kind without a form of its own (nine digits, say) counts
only behind a word that names it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from penstock.guards.detect import checksums
from penstock.guards.detect.detector import (
    CONTEXT,
    DIGITS,
    NAME_LIMIT,
    SPACED_LETTERS,
    Detector,
    ScannedText,
    local_part_starts,
    number_starts,
    starts_of,
    word_starts,
)

_SPACES: Final = r"\u00a0\u2009\u202f"
_HYPHENS: Final = r"\u2010-\u2013"
_BETWEEN: Final = f" {_SPACES}{_HYPHENS}-"
"""Between the digits of a number, as the class of a pattern has it: a space or a hyphen, also one that doesn't break or
that a text program made."""
_SEPARATORS: Final = str.maketrans("", "", " .-/()\t\u00a0\u2009\u202f\u2010\u2011\u2012\u2013")
_IBAN_LENGTHS: Final = {
    text[:2]: int(text[2:])
    for text in """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24
    FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32
    LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24
    RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
    """.split()
}
"""The lengths of IBANs by country. Source: the IBAN registry of SWIFT (ISO 13616)."""
_WORD: Final = re.compile(r"\w")
_LETTERED: Final = re.compile(r"[A-Za-z]{0,7}[ -]?[0-9]")
_RANGE: Final = re.compile(r"\.[0-9]{1,3}-\Z")
_HEX: Final = re.compile(r"[0-9A-Fa-f:](?<![A-Za-z0-9_:-].)(?=[0-9A-Fa-f]{0,4}[:-])")


def _hex_starts(scanned: ScannedText) -> Iterable[int]:
    """Where hexadecimal groups between colons or hyphens begin."""
    text = scanned.text
    if text.count(":") < 2 and text.count("-") < 5:
        return []
    return [match.start() for match in _HEX.finditer(text)]


def _address_starts(scanned: ScannedText) -> Iterable[int]:
    return (*scanned.numbers, *_hex_starts(scanned))


def _country_starts(scanned: ScannedText) -> Iterable[int]:
    """Where two capitals stand before a digit."""
    return [at - 2 for at in scanned.numbers if at >= 2]


_MONTHS: Final = "January|February|March|April|May|June|July|August|September|October|November|December"
_MONTH: Final = "|".join(f"{each[:3]}(?:{each[3:]})?\\.?" if each != "May" else each for each in _MONTHS.split("|"))


def _ends(text: str, end: int) -> bool:
    """Whether what stands behind a match ends it: no letter and no digit follows."""
    return end >= len(text) or _WORD.match(text, end) is None


def _digits(check: Callable[[str], bool]) -> Callable[[str, int, int], int]:
    """Accept a number whose digits, without what separates them, have the right check digits."""

    def accepts(text: str, start: int, end: int) -> int:
        return end if _ends(text, end) and check(text[start:end].translate(_SEPARATORS).upper()) else 0

    return accepts


def _behind(words: str, check: Callable[[str], bool] = bool) -> Callable[[str, int, int], int]:
    """Accept a number with some word not far before it."""
    named = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
    accepts_number = _digits(check)

    def accepts(text: str, start: int, end: int) -> int:
        if named.search(text[max(0, start - CONTEXT) : start]) is None:
            return 0
        return accepts_number(text, start, end)

    return accepts


def _card(text: str, start: int, end: int) -> int:
    """The longest card number that a run of digits begins with: other numbers may follow it."""
    while end - start >= 12:
        digits = text[start:end].translate(_SEPARATORS)
        if len(digits) in _card_lengths(digits) and _ends(text, end) and checksums.luhn(digits):
            return end
        end -= 1
        while not text[end - 1].isdecimal():
            end -= 1
    return 0


def _card_lengths(digits: str) -> tuple[int, ...]:
    """The lengths of the cards whose numbers begin so. Source: ISO/IEC 7812 and the card organisations."""
    first, two, four = digits[0], int(digits[:2]), int(digits[:4])
    if first == "4":
        return 13, 16, 19
    if two in {34, 37}:
        return (15,)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return (16,)
    if two in {36, 38, 39} or 300 <= four // 10 <= 305:
        return 14, 16
    if four == 6011 or two in {62, 64, 65} or 3528 <= four <= 3589:
        return 16, 17, 18, 19
    return (12, 13, 14, 15, 16, 17, 18, 19) if two in {50, 56, 57, 58, 60, 63, 67, 68, 69} else ()


def _iban(text: str, start: int, end: int) -> int:
    length, at = _IBAN_LENGTHS.get(text[start : start + 2].upper(), 0), start
    taken: list[str] = []
    while at < end and len(taken) < length:
        taken += text[at].translate(_SEPARATORS).upper()
        at += 1
    if not length or len(taken) < length or not _ends(text, at):
        return 0
    return at if checksums.mod97("".join(taken)) else 0


def _ssn(text: str, start: int, end: int) -> int:
    area, group, serial = text[start : start + 3], text[start + 4 : start + 6], text[start + 7 : start + 11]
    is_one = area not in {"000", "666"} and group != "00" and serial != "0000"
    return end if is_one and _ends(text, end) else 0


def _phone(text: str, start: int, end: int) -> int:
    if text[start] != "+":
        return end if _ends(text, end) else 0
    # The digits of another number that follows are no digits of this one.
    while not _ends(text, end):
        end -= 1
        while end > start and text[end - 1].isdecimal():
            end -= 1
        while end > start and not text[end - 1].isdecimal():
            end -= 1
    return end if 8 <= len(text[start:end].translate(_SEPARATORS)) - 1 <= 15 else 0


def _address(text: str, start: int, end: int) -> int:
    if text[start - 1 : start] == "-" and _RANGE.search(text, max(0, start - 4), start) is None:
        return 0  # a version, rather
    found = text[start:end]
    if found[-1] == ":" and not found.endswith("::"):
        found = found[:-1]
    end = start + len(found)
    if not _ends(text, end) or not any(each.isdecimal() for each in found):
        return 0
    try:
        address = ipaddress.ip_address(found)
    except ValueError:
        return 0
    return 0 if address.is_unspecified or (address.version == 6 and len(found) < 6) else end


def _mac(text: str, start: int, end: int) -> int:
    found = text[start:end]
    has_digit = any(each.isdecimal() for each in found)
    return end if has_digit and len(set(found[2::3])) == 1 and _ends(text, end) else 0


def _mail(text: str, start: int, end: int) -> int:
    """Accept a name that has more than what may stand before it."""
    return 0 if text[start:end].lstrip(_LEADS)[0] == "@" else end


def _url(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1] in ".,;:!?)]}>'\"":
        end -= 1
    return end if end > text.index("//", start) + 2 else 0


def _of_digits(accepts: Callable[[str, int, int], int]) -> Callable[[str, int, int], int]:
    """Accept of the matches only those that begin as words with digits do (``word_starts``)."""

    def has(text: str, start: int, end: int) -> int:
        found = text[start:end]
        if _LETTERED.match(found) is None or sum(map(str.isdecimal, found)) < 4:
            return 0
        return accepts(text, start, end)

    return has


_NAMING: Final = rf"A-Za-z0-9.!#$%&'*+^_`{{}}~{SPACED_LETTERS}-"
"""What the name in a mail address is made of, as RFC 5322 and RFC 6531 have it; ``/=?|`` are left out, since in paths,
queries and tables they stand between a name and what is before it."""
_FRONT: Final = _NAMING.replace("&", "")
_WRITTEN_IN: Final = (
    rf"(?<![{_NAMING}=])(?:[{_FRONT}]{{0,64}}(?:\+|-[0-9]{{1,12}}-)[{_FRONT}]{{1,64}}=[{_FRONT}]{{1,128}}\.[{_FRONT}]{{1,64}}"
    rf"|(?:SRS[01][=+-]|(?:ms)?prvs1?=|btv1=)(?:[{_FRONT}]{{1,64}}=){{0,5}}[{_FRONT}]{{1,64}})"
)
"""A name in which another address is written: ``list+ann=mail.test`` and ``list-7-ann=mail.test`` of lists (VERP), and
the forms of forwarders (SRS, BATV). Source: https://cr.yp.to/proto/verp.txt, https://www.libsrs2.net/srs/srs.pdf."""
_LEADS: Final = "!#$&'*^`{}~"
"""Of these, what rather quotes a name that begins with it, or sets it off."""
_UNSPACED: Final = r"\u0e01-\u0e4e\u3005\u3041-\u3096\u30a1-\u30fe\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
"""Letters of the names of hosts in scripts without spaces, in which the prose before a name would be part of it."""
_LABEL: Final = f"A-Za-z0-9{SPACED_LETTERS}{_UNSPACED}"
_TOP_LEVEL: Final = f"(?:xn--[A-Za-z0-9-]{{2,20}}|[A-Za-z{SPACED_LETTERS}]{{2,24}}|[{_UNSPACED}]{{2,5}})"
_START: Final = r"(?<!\w)"


def _number(kind: str, form: str, check: Callable[[str], bool], words: str = "", width: int = 40) -> Detector:
    accepts = _behind(words, check) if words else _digits(check)
    return Detector(kind, _START + form, number_starts, DIGITS, accepts, width)


def _lettered(kind: str, form: str, check: Callable[[str], bool], words: str = "") -> Detector:
    accepts = _behind(words, check) if words else _digits(check)
    return Detector(kind, _START + form, word_starts, DIGITS, _of_digits(accepts), 32, ignores_case=True)


_DETECTORS: Final = (
    Detector(
        "email",
        f"(?:{_WRITTEN_IN}|(?<![{_NAMING}])[{_NAMING}]{{1,{NAME_LIMIT}}}|[{_NAMING}]{{{NAME_LIMIT}}})@(?:[{_LABEL}](?:[{_LABEL}-]{{0,62}})\\.){{1,8}}{_TOP_LEVEL}",
        local_part_starts,
        ("@",),
        _mail,
        1100,
        leads=_LEADS,
    ),
    Detector(
        "card",
        _START + r"[2-6](?:[0-9]{3}(?:\.[0-9]{4}){3}|"
        rf"(?: - |[{_BETWEEN}]?)(?:[0-9](?: - |[{_BETWEEN}]?)){{10,17}}[0-9])",
        number_starts,
        DIGITS,
        _card,
        80,
    ),
    Detector(
        "iban",
        _START + rf"[A-Z]{{2}}[0-9]{{2}}(?:[{_BETWEEN}]?[A-Z0-9]){{11,30}}",
        _country_starts,
        DIGITS,
        _iban,
        ignores_case=True,
    ),
    Detector("ssn", _START + rf"[0-8][0-9]{{2}}([{_BETWEEN}])[0-9]{{2}}\1[0-9]{{4}}", number_starts, DIGITS, _ssn, 12),
    Detector(
        "phone",
        _START + rf"(?:\+\(?[1-9](?:[{_BETWEEN}.()/]{{0,4}}[0-9]){{7,14}}|(?:1[{_BETWEEN}.])?"
        rf"(?:\([2-9][0-9]{{2}}\)[{_BETWEEN}.]?|[2-9][0-9]{{2}}[{_BETWEEN}./])[2-9][0-9]{{2}}[{_BETWEEN}.][0-9]{{4}})",
        number_starts,
        DIGITS,
        _phone,
    ),
    Detector(
        "ip",
        r"(?:(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3,7}"
        r"|(?<![\w.:-])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?:\.[0-9]{1,3}){0,3})",
        _address_starts,
        DIGITS,
        _address,
    ),
    Detector("mac", r"(?<![\w:-])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}", _hex_starts, DIGITS, _mac, 18),
    Detector(
        "url",
        r"(?<![A-Za-z0-9])https?://[^\s<>\"'`]{1,2000}",
        starts_of(re.compile("[Hh](?<![A-Za-z0-9].)(?=[Tt][Tt][Pp][Ss]?://)")),
        ("//",),
        _url,
        2100,
        ignores_case=True,
    ),
    Detector(
        "date_of_birth",
        _START + rf"(?:[0-9]{{1,4}}[./-][0-9]{{1,2}}[./-][0-9]{{1,4}}|[0-9]{{1,2}}(?:st|nd|rd|th)? (?:{_MONTH}),? "
        rf"[0-9]{{4}})",
        number_starts,
        DIGITS,
        _behind("born(?: on)?|birth(?:day|date)?|dob|geboren|geburtsdatum|geb|né|née|naissance|nacimiento|nascita"),
        ignores_case=True,
    ),
    _lettered(
        "passport",
        "(?:[A-Z]{1,2}[0-9]{6,8}|[0-9]{9}|[CFGHJK][0-9CFGHJKLMNPRTVWXYZ]{8})",
        lambda text: any(each.isdecimal() for each in text),
        "passport(?: (?:no|number|nr))?|reisepass(?:nummer)?|passeport|pasaporte|passaporto",
    ),
    _number(
        "us_itin",
        r"9[0-9]{2}[- ][5-9][0-9][- ][0-9]{4}",
        lambda digits: digits[3:5] not in {"66", "89", "93"},
    ),
    _lettered(
        "uk_nino",
        "[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]",
        lambda text: text[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"},
    ),
    _number("uk_nhs", "[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}", checksums.nhs, "nhs(?: (?:no|number))?"),
    _number(
        "de_tax_id",
        r"[1-9][0-9](?: ?[0-9]{3}){3}",
        checksums.german_tax,
        "steuer-?id(?:entifikationsnummer|nr)?|idnr|steuernummer|tax (?:id|number)|tin",
    ),
    _lettered(
        "fr_nir",
        r"[12] ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
        checksums.french_nir,
    ),
    _lettered("es_nif", "(?:[XYZ]-?[0-9]{7}|[0-9]{8})-?[A-HJ-NP-TV-Z]", checksums.spanish_nif),
    _lettered(
        "it_codice_fiscale",
        "[A-Z]{6}[0-9LMNP-V]{2}[ABCDEHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]",
        lambda text: any(each.isdecimal() for each in text) and checksums.codice_fiscale(text),
    ),
    _number(
        "nl_bsn",
        "[0-9]{9}",
        lambda digits: checksums.eleven(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)),
        "bsn|burgerservicenummer|sofinummer",
    ),
    _number("br_cpf", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", lambda digits: checksums.brazilian(digits, 11)),
    _number(
        "br_cnpj", r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}/[0-9]{4}-[0-9]{2}", lambda digits: checksums.brazilian(digits, 14)
    ),
    _number("pl_pesel", "[0-9]{11}", checksums.pesel, "pesel"),
    _number(
        "se_personnummer",
        "(?:19|20)?[0-9]{6}[-+][0-9]{4}",
        lambda text: checksums.personnummer(text.replace("+", "")),
    ),
    _number("be_national_number", r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}", checksums.belgian),
    Detector(
        "fi_hetu",
        _START + "[0-3][0-9][01][0-9]{3}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]",
        number_starts,
        DIGITS,
        lambda text, start, end: end if _ends(text, end) and checksums.hetu(text[start:end]) else 0,
        12,
    ),
    _number("ch_ahv", r"756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}", checksums.ean13),
    _number("in_aadhaar", "[2-9][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}", checksums.verhoeff, "aadhaar|aadhar|uidai|uid"),
    _lettered("in_pan", "[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]", bool, "pan(?: (?:no|number|card))?"),
    _number("ca_sin", "[0-9]{3}[ -][0-9]{3}[ -][0-9]{3}", checksums.luhn),
    _number(
        "au_tfn",
        "[0-9]{3} ?[0-9]{3} ?[0-9]{3}",
        lambda digits: checksums.eleven(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)),
        "tfn|tax file number",
    ),
    _lettered("cn_resident_id", "[1-9][0-9]{16}[0-9X]", checksums.chinese),
    _number("kr_rrn", "[0-9]{6}-[1-8][0-9]{6}", checksums.korean),
    _number(
        "za_id", "[0-9]{13}", checksums.luhn, "(?:rsa|sa|south african|national|identity) (?:id|number)(?: number)?"
    ),
)  # fmt: skip

PERSONAL: Final[Mapping[str, Detector]] = {each.kind: each for each in _DETECTORS}
"""The detectors by the names that ``entities`` may hold."""
DEFAULT: Final = tuple(kind for kind in PERSONAL if kind != "url")
"""What is looked for where ``entities`` says nothing."""
ALIASES: Final[Mapping[str, str]] = {
    "email_address": "email",
    "phone_number": "phone",
    "credit_card": "card",
    "credit_card_number": "card",
    "card_number": "card",
    "iban_code": "iban",
    "us_ssn": "ssn",
    "us_social_security_number": "ssn",
    "social_security_number": "ssn",
    "ip_address": "ip",
    "ipv4": "ip",
    "ipv6": "ip",
    "mac_address": "mac",
    "dob": "date_of_birth",
    "birth_date": "date_of_birth",
    "passport_number": "passport",
    "us_passport": "passport",
    "uk_passport": "passport",
    "es_nie": "es_nif",
    "it_fiscal_code": "it_codice_fiscale",
    "fi_personal_identity_code": "fi_hetu",
}
"""Names of other products -> ours."""
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "national_id": (*tuple(kind for kind in PERSONAL if re.match(r"[a-z]{2}_", kind)), "ssn"),
}
"""Names that stand for several kinds."""
