"""The small values of floor 0: secrets, failures, outcomes, header lines, URLs, usage, the bounded map."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.failure import MEANINGS, Failure, Kind
from penstock.core.http import Origin, Url, header_line
from penstock.core.outcome import Outcome
from penstock.core.secret import Secret
from penstock.core.usage import Usage
from penstock.dialects.openai.relay.usage import read_usage


def test_a_secret_has_one_way_out() -> None:
    secret = Secret("sk-very-secret")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>40}", "%s" % secret, "{!r}".format(secret)]  # noqa: UP031, UP032
    assert not any("very" in text for text in shown)
    assert secret.reveal() == "sk-very-secret"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_secrets_compare_by_their_text() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_failure_has_one_meaning(kind: Kind) -> None:
    failure = Failure(kind, "It broke.")
    assert failure.meaning is MEANINGS[kind]
    assert 400 <= failure.status <= 599


def test_an_outcome_is_good_only_without_a_failure_and_with_success() -> None:
    assert Outcome(200).ok
    assert Outcome(246).ok
    assert not Outcome(404).ok
    assert not Outcome(200, Failure(Kind.STREAM_ERROR, "It broke.")).ok


@pytest.mark.parametrize(("name", "value"), [("x-a", "b"), (b"X-A", b" b\t"), ("x-a", "ž")])
def test_a_header_line_is_one_line(name: str | bytes, value: str | bytes) -> None:
    assert header_line(name, value).count(b"\r\n") == 1


@pytest.mark.parametrize(
    ("name", "value"), [("", "v"), ("a b", "v"), ("a:", "v"), ("a", "v\r\nx: y"), ("a", "\0"), ("a\n", "v")]
)
def test_a_header_that_could_start_another_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="header"):
        header_line(name, value)


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_no_bytes_make_more_than_one_header(name: bytes, value: bytes) -> None:
    try:
        line = header_line(name, value)
    except ValueError:
        return
    assert line.endswith(b"\r\n")
    assert b"\r" not in line[:-2]
    assert b"\n" not in line[:-2]


@pytest.mark.parametrize(
    ("text", "authority", "path", "query"),
    [
        ("https://api.openai.com/v1/", "api.openai.com", "/v1", ""),
        ("http://127.0.0.1:9100/_id/a;split=7/v1?x=1", "127.0.0.1:9100", "/_id/a;split=7/v1", "x=1"),
        ("https://[::1]:8443", "[::1]:8443", "", ""),
        ("http://HOST:80/A", "host", "/A", ""),
    ],
)
def test_urls_are_taken_apart(text: str, authority: str, path: str, query: str) -> None:
    url = Url.parse(text)
    assert (url.origin.authority, url.path, url.query) == (authority, path, query)


@pytest.mark.parametrize("text", ["", "host/v1", "https://", "http://h:99999/", "http://h:x/", "//h/v1"])
def test_what_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Url.parse(text)


def test_trusted_and_other_origins_are_two_things() -> None:
    assert Origin("http", "h", 80) != Origin("http", "h", 80, trusted=True)


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        (b'{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}', Usage(3, 4, 7)),
        (
            b'{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":2},"x":[]}',
            Usage(prompt=9, cached=8, reasoning=2),
        ),
        (b'{"prompt_tokens":3.0,"prompt_tokens_details":null}', Usage(3)),
        (b"null", None),
        (b"[]", None),
        (b'{"prompt_tokens":"many"}', None),
    ],
)
def test_usage_is_read_or_unknown(raw: bytes, usage: Usage | None) -> None:
    assert read_usage(raw) == usage
