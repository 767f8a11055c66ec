"""The machine a run happens on: its tools, its cores and how the report describes it."""

from __future__ import annotations

import os
import platform
import re
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

INSTALL = "apt-get install nginx libnginx-mod-http-lua wrk"

_LUA_MODULES = ("ndk_http_module.so", "ngx_http_lua_module.so")


@dataclass(frozen=True)
class Tools:
    """The programs that the benchmark drives."""

    nginx: Path
    lua_modules: tuple[Path, ...]
    wrk: Path


@dataclass(frozen=True)
class Cores:
    """Who runs where: the system under test on one core, load generator and mock upstream on the others."""

    subject: frozenset[int]
    load: frozenset[int]

    @property
    def shared(self) -> bool:
        return self.subject == self.load


def find_tools() -> Tools | str:
    """The tools, or what is missing."""
    if platform.system() != "Linux":
        return "this is not Linux, whose /proc and core pinning are used"
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin"
    nginx, wrk = shutil.which("nginx", path=path), shutil.which("wrk", path=path)
    if nginx is None:
        return "nginx is not installed"
    if wrk is None:
        return "wrk is not installed"
    modules = tuple(_modules_path(nginx) / name for name in _LUA_MODULES)
    missing = [module.name for module in modules if not module.exists()]
    if missing:
        return f"nginx lacks its lua module ({', '.join(missing)})"
    return Tools(Path(nginx), modules, Path(wrk))


def _modules_path(nginx: str) -> Path:
    built = subprocess.run([nginx, "-V"], capture_output=True, text=True, check=True).stderr
    configured = re.search(r"--modules-path=(\S+)", built)
    return Path(configured[1]) if configured else Path("/usr/lib/nginx/modules")


def assign_cores(available: set[int]) -> Cores:
    """The last core for the system under test; with a single core there is nothing to keep apart."""
    *others, last = sorted(available)
    return Cores(frozenset({last}), frozenset(others or {last}))


def allow_many_files() -> None:
    """Raise this process's limit on open files, which its children inherit, as far as the system lets it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def describe(tools: Tools) -> dict[str, str]:
    """What a reader must know to compare two reports."""
    nginx = subprocess.run([tools.nginx, "-v"], capture_output=True, text=True, check=True).stderr
    wrk = subprocess.run([tools.wrk, "-v"], capture_output=True, text=True, check=False).stdout
    return {
        "cpu": _cpu_model(Path("/proc/cpuinfo").read_text(encoding="utf-8")),
        "cores": str(os.cpu_count()),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "nginx": nginx.partition("/")[2].strip(),
        "wrk": " ".join(wrk.split()[:2]),
    }


def _cpu_model(cpuinfo: str) -> str:
    model = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return model[1] if model else platform.machine()
