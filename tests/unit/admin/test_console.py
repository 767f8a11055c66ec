"""The console's files: headers, revalidation, compression, and that the committed build holds no inline script."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from penstock.admin.console import BUILD, CONTENT_SECURITY_POLICY, ConsoleFiles

FILES = ConsoleFiles()


@pytest.mark.parametrize(("path", "serves"), [("/console", True), ("/console/", True), ("/console/x", True), ("/consoles", False), ("/", False)])  # fmt: skip
def test_the_paths(path: str, serves: bool) -> None:
    assert FILES.serves(path) is serves


@pytest.mark.parametrize(
    "name", ["", "index.html", "console.js", "index.css", "icon.svg", "nope", "../console.py", "%2e%2e"]
)
def test_every_answer_is_guarded(name: str) -> None:
    status, headers, _ = FILES.answer("GET", f"/console/{name}", {})
    assert status == (404 if name in {"nope", "../console.py", "%2e%2e"} else 200)
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "default-src 'self'" in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_a_file_that_did_not_change_is_not_sent_again() -> None:
    status, headers, body = FILES.answer("GET", "/console/console.js", {})
    assert (status, body) == (200, (BUILD / "console.js").read_bytes())
    for shown in (headers["etag"], f"W/{headers['etag']}", f'"x", {headers["etag"]}'):
        assert FILES.answer("GET", "/console/console.js", {"if-none-match": shown})[::2] == (304, b"")
    assert FILES.answer("GET", "/console/console.js", {"if-none-match": '"x"'})[0] == 200


def test_gzip_has_a_tag_of_its_own() -> None:
    plain = FILES.answer("GET", "/console/console.js", {"accept-encoding": "gzip;q=0, br"})
    packed = FILES.answer("GET", "/console/console.js", {"accept-encoding": "br, gzip;q=0.5"})
    assert packed[1]["content-encoding"] == "gzip"
    assert "content-encoding" not in plain[1]
    assert gzip.decompress(packed[2]) == plain[2]
    assert packed[1]["etag"] != plain[1]["etag"]
    assert packed[1]["vary"] == "accept-encoding"


def test_other_methods_and_the_path_without_a_slash() -> None:
    assert FILES.answer("POST", "/console/", {})[0] == 405
    status, headers, _ = FILES.answer("GET", "/console", {})
    assert (status, headers["location"]) == (308, "console/")


def test_the_build_holds_no_inline_script_and_names_no_other_host() -> None:
    page = (BUILD / "index.html").read_text("utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r"\s(?:on\w+|style)=", page) == []
    for path in BUILD.iterdir():
        hosts = set(re.findall(r"https?://([\w.-]+)", path.read_text("utf-8")))
        assert hosts <= {"www.w3.org"}, path  # names of namespaces, which nothing calls


def test_the_build_is_small() -> None:
    assert sum(len(gzip.compress(path.read_bytes())) for path in BUILD.iterdir()) <= 250_000


def test_without_a_build_nothing_is_served(tmp_path: Path) -> None:
    assert ConsoleFiles(tmp_path / "none").answer("GET", "/console/", {})[0] == 404
