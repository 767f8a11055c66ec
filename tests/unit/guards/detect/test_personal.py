"""Each kind is found in its usual forms, and not in what only looks like it."""

from __future__ import annotations

import pytest

from judging import judged
from penstock.guards.detect.personal import PERSONAL
from personal_data import EXAMPLES


def found(text: str, *kinds: str) -> str:
    judgement = judged("penstock.pii", {"redact": True, **({"entities": list(kinds)} if kinds else {})}, text)
    for edit in sorted(judgement.edits, key=lambda each: -each.start):
        text = text[: edit.start] + edit.replacement + text[edit.end :]
    return text


def test_every_kind_has_an_example() -> None:
    assert EXAMPLES.keys() == PERSONAL.keys()


@pytest.mark.parametrize("kind", EXAMPLES)
def test_an_example_is_found(kind: str) -> None:
    for text in (EXAMPLES[kind], f"see {EXAMPLES[kind]}, ok", f"({EXAMPLES[kind]})", f"x\n{EXAMPLES[kind]}\ny"):
        changed = found(text, kind)
        assert f"[{kind.upper()}]" in changed, text
        assert EXAMPLES[kind].split()[-1] not in changed


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("4111-1111-1111-1111", "card", "[CARD]"),
        ("378282246310005", "card", "[CARD]"),
        ("4111 1111 1111 1111 2024", "card", "[CARD] 2024"),
        ("7 4111 1111 1111 1111", "card", "7 [CARD]"),
        ("GB82 WEST 1234 5698 7654 32 IS GOOD", "iban", "[IBAN] IS GOOD"),
        ("DE89370400440532013000", "iban", "[IBAN]"),
        ("call (555) 234-5678 or 555-234-5678", "phone", "call [PHONE] or [PHONE]"),
        ("+1 555 234 5678 4111 1111 1111 1111", "phone", "[PHONE] 1111 1111 1111"),
        ("2001:db8::8a2e:370:7334 and 10.0.0.1.", "ip", "[IP] and [IP]."),
        ("a@b.de.", "email", "[EMAIL]."),
        ("ann.o'neil@x.org, o'neil@x.org", "email", "[EMAIL], [EMAIL]"),
        ("!def!xyz%abc@x.org r&d@x.org", "email", "![EMAIL] [EMAIL]"),
        ("müller@x.org mu\u0308ller@x.org иван@почта.рф", "email", "[EMAIL] [EMAIL] [EMAIL]"),
        ("Ann <ann@müller.de>; info@例子.公司", "email", "Ann <[EMAIL]>; [EMAIL]"),
        ("写信给ann@x.org吧", "email", "写信给[EMAIL]吧"),
        (
            "'a@b.org' \"a@b.org\" `a@b.org` **a@b.org** {a@b.org}",
            "email",
            "'[EMAIL]' \"[EMAIL]\" `[EMAIL]` **[EMAIL]** {[EMAIL]}",
        ),
        ("mailto:a@b.org?to='a@b.org'&cc=c@d.org", "email", "mailto:[EMAIL]?to='[EMAIL]'&cc=[EMAIL]"),
        ("/users/a@b.org/|a@b.org|", "email", "/users/[EMAIL]/|[EMAIL]|"),
        (
            "to bounces+ann=mail.test@lists.org and list-return-123-ann.lee=a.b@x.org.",
            "email",
            "to [EMAIL] and [EMAIL].",
        ),
        ("SRS0=Hk7=6Q=mail.test=ann@fwd.org, <prvs=0123abcdef=ann@x.org>", "email", "[EMAIL], <[EMAIL]>"),
        ("email=ann@x.org&x+y&to=bob@x.org a+b=c@x.org", "email", "email=[EMAIL]&x+y&to=[EMAIL] a+b=[EMAIL]"),
        (f"{'-' * 70}ann@x.org", "email", f"{'-' * 9}[EMAIL]"),
        ("'@b.org", "email", "'@b.org"),
        ("4111\u00a01111\u00a01111\u00a01111 4111\u20111111\u20111111\u20111111", "card", "[CARD] [CARD]"),
        ("4111.1111.1111.1111 or 4111 - 1111 - 1111 - 1111.", "card", "[CARD] or [CARD]."),
        ("DE89-3704-0044-0532-0130-00 de89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000", "iban", "[IBAN] [IBAN]"),
        ("123\u201145\u20116789", "ssn", "[SSN]"),
        ("+49\u00a030\u00a0901820, +(1) 555 234 5678, +1 (555) - 234 5678", "phone", "[PHONE], [PHONE], [PHONE]"),
        ("(555)-234-5678, 555/234-5678, 555\u2011234\u20115678", "phone", "[PHONE], [PHONE], [PHONE]"),
        ("ip:192.168.1.20, 10.0.0.1-10.0.0.9", "ip", "ip:[IP], [IP]-[IP]"),
        ("1:2:3:4:5:6:7::, ::2:3:4:5:6:7:8, [2001:db8::1]:443", "ip", "[IP], [IP], [[IP]]:443"),
        ("::ffff:192.0.2.1 fe80::1%eth0", "ip", "[IP] [IP]%eth0"),
        ("X1234567L", "es_nif", "[ES_NIF]"),
    ],
)
def test_other_forms(text: str, kind: str, expected: str) -> None:
    assert found(text, kind) == expected


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112", "0000 0000 0000 0000", "DE89 3704 0044 0532 0130 01", "000-12-3456", "666-12-3456",
        "version 1.2.3.4.5", "penstock-1.2.3.4", "4.111111111111111", "at 10:20:30", "300.1.1.1", "a @ b.de", "page 31 of 2024", "12345678A", "111222333",
        "12 March 1980", "order 123456789012", "add 1+1=2", "std::vector", "x@y",
    ],
)  # fmt: skip
def test_what_only_looks_like_it(text: str) -> None:
    assert found(text) == text
