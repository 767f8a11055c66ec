"""The wheel is the whole gateway: installed in a folder of its own, without the checkout, it serves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from paths import ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the contents of the wheel, as pip puts them there."""
    home = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(home)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = home.glob("penstock-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(home / "site")
    return home / "site"


def test_the_wheel_holds_the_package_and_its_types(installed: Path) -> None:
    assert (installed / "penstock" / "py.typed").exists()
    (about,) = installed.glob("penstock-*.dist-info")
    assert "penstock = penstock.__main__:run" in (about / "entry_points.txt").read_text()
    assert not {each.name for each in installed.iterdir()} - {"penstock", about.name}


def test_the_page_of_the_package_index_leads_nowhere_in_the_repository(installed: Path) -> None:
    (about,) = installed.glob("penstock-*.dist-info")
    page = (about / "METADATA").read_text("utf-8")
    assert "# Penstock\n" in page
    assert re.findall(r"\]\((?!https://)[^)]*\)|^\[[^\]]+\]: (?!https://).*$", page, re.MULTILINE) == []
    assert "make " not in page


def test_the_wheel_serves_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    where = "import penstock; print(penstock.__file__)"
    told = subprocess.run(
        [sys.executable, "-c", where],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert Path(told.stdout.strip()).is_relative_to(installed)
    serve = [sys.executable, "-m", "penstock", "serve", "--port", "0"]
    with subprocess.Popen(
        serve, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as gateway:
        try:
            assert gateway.stderr is not None
            found = re.search(r"listens on (http://\S+)", gateway.stderr.readline())
            assert found is not None
            body = {"model": "echo", "messages": [{"role": "user", "content": "Hello!"}]}
            headers = {"x-portkey-provider": "echo"}
            got = httpx.post(
                f"{found[1]}/v1/chat/completions", json=body, headers=headers, timeout=300, trust_env=False
            )
        finally:
            gateway.terminate()
            gateway.communicate(timeout=60)
    assert gateway.returncode == 0
    assert got.json()["choices"][0]["message"]["content"] == "Hello!"
