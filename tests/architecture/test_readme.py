"""What the documents show works: examples run against a real gateway, header tables are whole."""

import json
import os
import re
import runpy
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure
from penstock.limits.refusal import PREFIX as RATES
from penstock.pipeline.compile import _PER_REQUEST
from penstock.pipeline.header_settings import _GENERAL
from penstock.pipeline.replies import response_headers
from penstock.pipeline.replies.token_count import ESTIMATE
from penstock.providers.registry import PROVIDERS
from penstock.routing.leaf import ROUTING_KEYS
from penstock.routing.parse import parse
from penstock.routing.plan import leaves
from penstock.routing.rules import HeaderSettings, Rules
from running import RunningGateway

ROOT = Path(__file__).parents[2]
WRITTEN = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "bench/README.md", "packaging/README.md", "docs/**/*.md"]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for pattern in WRITTEN
    for path in sorted(ROOT.glob(pattern))
}
SHOWN = "http://127.0.0.1:8787"
"""The address of every example; a test puts its own gateway's in its place."""


class Example(NamedTuple):
    """One fenced block; ``name`` says which."""

    name: str
    text: str


def examples(language: str, page: str | None = None) -> list[Example]:
    """The fenced blocks of a language, of one page or of all."""
    return [
        Example(f"{name}:{text.count(chr(10), 0, block.start()) + 1}", block[1])
        for name, text in PAGES.items()
        if page in {None, name}
        for block in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]


CURLS = [
    shown for shown in examples("sh") if f"curl {SHOWN}" in shown.text and "x-portkey-provider: echo" in shown.text
]
SDKS = examples("python", "README.md")


def section(page: str, heading: str) -> str:
    """The text under a heading, to the next one."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGES[page], re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def first_cells(page: str, heading: str) -> set[str]:
    """The ``x-`` names in the first column of a section's table."""
    cells = re.findall(r"^\| (.+?) \|", section(page, heading), re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(x-[a-z-]+)`", cell)}


def said(output: str) -> str:
    """The text of an answer as curl prints it, a completion or the events of a stream."""
    if not output.startswith("data: "):
        content: str = json.loads(output)["choices"][0]["message"]["content"]
        return content
    *events, last = re.findall(r"^data: (.+)$", output, re.MULTILINE)
    assert last == "[DONE]"
    return "".join(choice["delta"].get("content") or "" for event in events for choice in json.loads(event)["choices"])


def test_there_are_examples() -> None:
    assert {shown.name.split(":")[0] for shown in CURLS} == {"README.md", "docs/echo.md", "packaging/README.md"}
    assert len(SDKS) == 3


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are curl commands, and there is no curl here")
@pytest.mark.parametrize("shown", CURLS, ids=lambda shown: shown.name)
def test_curl(shown: Example, gateway: RunningGateway) -> None:
    command = shown.text.replace(SHOWN, gateway.url).replace("curl ", "curl --silent --show-error ", 1)
    direct = {**os.environ, "no_proxy": "*"}
    done = subprocess.run(["sh", "-c", command], env=direct, capture_output=True, text=True, timeout=300, check=True)
    assert said(done.stdout) == "Hello!"


@pytest.mark.parametrize("shown", SDKS, ids=lambda shown: shown.name)
def test_sdk(shown: Example, gateway: RunningGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert SHOWN in shown.text
    script = tmp_path / "example.py"
    script.write_text(shown.text.replace(SHOWN, gateway.url))
    names = runpy.run_path(str(script))
    names["client"].close()  # the examples leave it to the end of their process
    assert capsys.readouterr().out.strip() == "Hello!"


def test_make_has_every_target_that_is_named() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name: set(re.findall(r"(?:```sh\n|`|^    )make ([a-z]+)", text, re.MULTILINE)) for name, text in PAGES.items()
    }
    assert {"run", "test"} <= named["README.md"]
    assert set().union(*named.values()) <= targets


CONFIGS = [*examples("json", "docs/configs.md"), *examples("json", "README.md")]


@pytest.mark.parametrize("shown", CONFIGS, ids=lambda shown: shown.name)
def test_configs_that_are_shown_are_ones(shown: Example) -> None:
    settings = {
        name for row in PROVIDERS.values() for option in row.options for name in (option.name, *option.config_keys)
    }
    rules = Rules(PROVIDERS.keys(), AddressPolicy(), settings=frozenset(settings))
    plan = parse(shown.text.encode(), HeaderSettings(), rules)
    assert not isinstance(plan, Failure), plan
    for leaf in leaves(plan):
        known = {name for option in PROVIDERS[leaf.provider].options for name in (option.name, *option.config_keys)}
        assert leaf.options.keys() <= known


def test_every_key_of_a_config_is_documented() -> None:
    page = PAGES["docs/configs.md"]
    ignored = set("on_status_codes metadata id deployments fetch_integrated_models passthrough is_open".split())
    hooks = {key for key in ROUTING_KEYS if key.endswith(("_guardrails", "_hooks", "_mutators"))}
    assert {key for key in ROUTING_KEYS - ignored - hooks if f"`{key}`" not in page and f'"{key}"' not in page} == set()


def test_request_headers_are_all_documented_and_none_else() -> None:
    shown = first_cells("docs/headers.md", "What a request may say")
    general = {name.decode() for name in _GENERAL}
    assert general - shown == set()
    assert shown - general - {name.decode() for name in _PER_REQUEST} == set()


def test_response_headers_are_all_documented_and_none_else() -> None:
    added = set(re.findall(r'b"(x-[a-z-]+[a-z])"', Path(response_headers.__file__).read_text()))
    elsewhere = {f"{RATES}-limit-requests", ESTIMATE[0].decode()}
    assert first_cells("docs/headers.md", "What comes back") == added | elsewhere


def test_extras_are_all_documented_and_none_else() -> None:
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"])
    assert set(re.findall(r"^\| `([a-z]+)` \|", section("docs/install.md", "With pip"), re.MULTILINE)) == extras
    (sentence,) = re.findall(r"^The extras .+?(?=\n\n)", PAGES["packaging/README.md"], re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"`([a-z]+)`", sentence)) == extras
