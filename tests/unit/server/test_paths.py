"""Names before paths, and paths that hosts may read otherwise."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from penstock.server.paths import forgiven, is_plain, named_path, raw_end


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/@prod/v1/chat/completions", ("prod", "/v1/chat/completions")),
        ("/@a.b-c_d/v1/models/x/y", ("a.b-c_d", "/v1/models/x/y")),
        ("/@prod", (None, "/@prod")),
        ("/@/v1/models", (None, "/@/v1/models")),
        ("/v1/models/@prod/gpt-4o", (None, "/v1/models/@prod/gpt-4o")),
        ("/@x//v1/models", ("x", "//v1/models")),
        ("/genai/v1beta/models", ("google", "/v1beta/models")),
        ("/v1beta/openai/chat/completions", ("google", "/v1/chat/completions")),
        ("/v1beta/openai", (None, "/v1beta/openai")),
    ],
)
def test_a_name_before_the_path(path: str, expected: tuple[str | None, str]) -> None:
    assert named_path(path) == expected


def test_plain_paths() -> None:
    assert is_plain("a/b/")
    assert is_plain("files/a;v=1/..b/c%2e")
    assert not is_plain("..")
    assert not is_plain("")


@pytest.mark.parametrize(
    "path",
    [
        "a/..;/b",
        "a/..;x=1",
        "a/..\\b",
        "..\\..",
        "a/%2e%2e/b",
        "a/%252e./b",
        "a/.%25252e/b",
        "a/%2e%2e%2fb",
        "a/%5c..",
        "a/.\t./b",
        "./a",
    ],
)
def test_dots_as_any_host_may_read_them(path: str) -> None:
    assert not is_plain(path)


@pytest.mark.parametrize("path", ["a/%C0%AE%C0%AE/b", "a/%c0%ae./b", "%E0%80%AE%E0%80%AE%2Fb", "a/%FF"])
def test_bytes_that_are_not_utf_8_may_be_dots(path: str) -> None:
    assert not is_plain(unquote(path))


@pytest.mark.parametrize(
    ("raw", "end", "came_as"),
    [
        ("/v1/proxy/a/b", "a/b", "a/b"),
        ("/v1/proxy/a%2fb/c%2F", "a/b/c/", "a%2fb/c%2F"),
        ("/@prod%2Fv1/proxy/%41%2520", "A%20", "%41%2520"),
        ("/v1%2Fproxy%2Fa", "a", "a"),
        ("/v1/proxy/a%zz", "a%zz", "a%zz"),
        ("/v1/proxy/other", "a/b", ""),
        ("", "a/b", ""),
        ("a", "a", "a"),
    ],
)
def test_the_end_of_a_path_as_it_came(raw: str, end: str, came_as: str) -> None:
    assert raw_end(raw, end) == came_as


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/v1/chat/completions", []),
        ("/v1/chat/completions/", ["/v1/chat/completions"]),
        ("//v1//messages///", ["/v1/messages"]),
        ("/v1/v1/v1/messages", ["/v1/messages"]),
        ("/v1/v1/v1x", ["/v1/v1x"]),
        ("/v1" * 20_000 + "/messages", ["/v1/messages"]),
        ("/chat/completions", ["/v1/chat/completions"]),
        ("/models/m:generateContent", ["/v1/models/m:generateContent"]),
        ("/v2/chat/", ["/v2/chat"]),
        ("/v1beta/models/", ["/v1beta/models"]),
        ("//api/tags/", ["/api/tags", "/v1/api/tags"]),
    ],
)
def test_a_path_as_it_may_have_been_meant(path: str, meant: list[str]) -> None:
    assert [*forgiven(path)] == meant
