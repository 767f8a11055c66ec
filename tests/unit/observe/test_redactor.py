"""What the request log hides."""

from __future__ import annotations

import time

import pytest

from penstock.observe.redactor import REDACTED, Redactor


@pytest.mark.parametrize(
    "secret",
    [
        "sk-" + "a" * 40,
        "sk-proj-" + "Ab1_" * 10,
        "AKIA" + "A" * 16,
        "AIza" + "b" * 35,
        "ghp_" + "c" * 36,
        "xoxb-" + "1" * 20,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ.c2lnbmF0dXJl",
        "-----BEGIN PRIVATE KEY-----\n" + "A" * 64 + "\n-----END PRIVATE KEY-----",
    ],
)
def test_keys_of_well_known_forms_are_hidden_in_text_and_bodies(secret: str) -> None:
    redactor = Redactor()
    assert redactor.text(f"it is {secret}, says he") == f"it is {REDACTED}, says he"
    assert redactor.body(f'{{"key":"{secret}"}}'.encode()) == f'{{"key":"{REDACTED}"}}'
    assert redactor.labels({"a": secret, "b": "plain"}) == {"a": REDACTED, "b": "plain"}


def test_a_bearer_token_is_hidden_and_ordinary_text_is_not() -> None:
    redactor = Redactor()
    assert redactor.text("Authorization: Bearer abcdefgh12345678") == f"Authorization: Bearer {REDACTED}"
    assert redactor.text("a risk-free task with sk-8 and desk-lamps") == "a risk-free task with sk-8 and desk-lamps"


def test_the_operators_patterns_hide_too() -> None:
    assert Redactor(["[0-9]{4}-[0-9]{4}", "secret"]).text("1234-5678 is secret") == f"{REDACTED} is {REDACTED}"


def test_a_pattern_that_takes_too_long_hides_the_whole_text() -> None:
    told = Redactor(["(a|aa)+$"]).text("a" * 5000 + "b")
    assert told in {"a" * 5000 + "b", "[redacted: a pattern of logs.redact took too long]"}


def test_a_body_that_is_cut_within_a_character_is_still_text() -> None:
    whole = "ab€".encode()
    assert Redactor().body(whole[:-1]) == "ab"
    assert Redactor().body(bytearray(whole)) == "ab€"
    assert Redactor().body(b"\xff\xd8\xff\xe0sound") == b"\xff\xd8\xff\xe0sound"
    assert Redactor().body(b"") == ""


def test_headers_that_may_hold_a_credential_are_never_shown() -> None:
    shown = Redactor().headers(
        [
            (b"Content-Type", b"application/json"),
            (b"authorization", b"Bearer x"),
            (b"x-portkey-config", b'{"api_key":"x"}'),
            (b"x-own-header", b"value"),
            (b"x-stainless-lang", b"python"),
        ]
    )
    assert shown == {
        "content-type": "application/json",
        "authorization": "*****",
        "x-portkey-config": "*****",
        "x-own-header": "*****",
        "x-stainless-lang": "python",
    }


@pytest.mark.parametrize(
    "beginning", ["-----BEGIN PRIVATE KEY-----", "-eyJ" + "a" * 10, "-----BEGIN A", "sk-", "eyJaaaaaaaaaa.aaaaaaaaaa"]
)
def test_a_text_of_beginnings_takes_no_time(beginning: str) -> None:
    text = beginning * ((1 << 18) // len(beginning))
    began = time.process_time()
    Redactor().text(text)
    assert time.process_time() - began < 0.7
