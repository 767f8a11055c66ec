"""Commands about configs, run in an empty folder."""

import json
from pathlib import Path
from typing import Any

TWO: dict[str, Any] = {
    "strategy": {"mode": "fallback"},
    "targets": [{"provider": "openai", "api_key": "k", "retry": {"attempts": 1}}, {"provider": "echo"}],
}


def written(name: str, content: Any) -> str:
    Path(name).write_text(content if isinstance(content, str) else json.dumps(content, indent=1), "utf-8")
    return name


def routed(*conditions: tuple[Any, str], default: str | None = None, names: str = "ab") -> dict[str, Any]:
    strategy: dict[str, Any] = {
        "mode": "conditional", "conditions": [{"query": query, "then": then} for query, then in conditions],
    }  # fmt: skip
    if default is not None:
        strategy["default"] = default
    return {"strategy": strategy, "targets": [{"name": name, "provider": "echo"} for name in names]}


PRO, FREE = {"metadata.plan": "pro"}, {"metadata.plan": "free"}


CATALOGUE = """
[virtual_keys.prod]
provider = "openai"
credential = "env:PROD"

[configs.good]
id = "pc-1"
strategy = { mode = "fallback" }
targets = [{ virtual_key = "prod" }, { provider = "echo", weight = 1 }]

[configs.open]
retry = { attempts = 1 }

[keys.team]
hash = "%s"
"""
