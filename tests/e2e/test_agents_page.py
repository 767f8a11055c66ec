"""docs/agents.md: its examples are valid, lead to endpoints that there are, and those for installed SDKs run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from commands import run
from paths import ROOT
from penstock.server.surfaces import SURFACES
from running import RunningGateway

PAGE = (ROOT / "docs" / "agents.md").read_text("utf-8")
ADDRESS = "http://127.0.0.1:8787"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_settings_are_valid(tmp_path: Path) -> None:
    settings, codex = blocks("toml")
    path = tmp_path / "penstock.toml"
    path.write_text(settings)
    assert run("check", str(path)).exit_code == 0
    provider = tomllib.loads(codex)["model_providers"]["penstock"]
    assert (provider["wire_api"], provider["base_url"]) == ("responses", f"{ADDRESS}/v1")
    json.loads(provider["http_headers"]["x-portkey-metadata"])


def test_other_files_can_be_read() -> None:
    opencode, zed = map(json.loads, blocks("json"))
    assert opencode["model"] == "penstock/gpt-5.1"
    assert zed["language_models"]["openai_compatible"]["Penstock"]["api_url"] == f"{ADDRESS}/v1"
    assert all(yaml.safe_load(block) for block in blocks("yaml"))
    for block in blocks("py"):
        compile(block, "docs/agents.md", "exec")


@pytest.mark.parametrize(
    ("base", "path", "method"),
    [
        ("", "/v1/messages", "POST"),
        ("/v1", "/chat/completions", "POST"),
        ("/v1", "/responses", "POST"),
        ("/v1", "/messages", "POST"),
        ("/v1", "/models", "GET"),
        ("", "/v1beta/models/gemini-2.5-pro:streamGenerateContent", "POST"),
        ("/v1beta", "/models/gemini-2.5-pro:generateContent", "POST"),
        ("", "/model/us.anthropic.claude-sonnet-5-v1:0/invoke-with-response-stream", "POST"),
        (
            "/v1",
            "/projects/any/locations/us-east5/publishers/anthropic/models/claude-sonnet-5:streamRawPredict",
            "POST",
        ),
    ],
)
def test_each_base_url_leads_to_an_endpoint(base: str, path: str, method: str) -> None:
    assert not isinstance(SURFACES.find(method, base + path), str | None)
    assert ADDRESS + base in PAGE


def test_the_examples_of_sdks_run(gateway: RunningGateway) -> None:
    (example,) = blocks("python")
    asked = example.replace(ADDRESS, f"{gateway.url}/@echo").replace("KEY", "sk-placeholder")
    ran = subprocess.run([sys.executable, "-c", asked], check=False, capture_output=True, text=True, timeout=110)
    assert ran.stdout.split() == ["Hello", "Hello"], ran.stderr
