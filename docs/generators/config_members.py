"""console/src/config_members.ts, from routing/config_members.py and the rows of providers/."""

from __future__ import annotations

import json

from penstock.providers.registry import PROVIDERS
from penstock.routing.config_members import MEMBERS, VALUES


def config_members_module() -> str:
    """console/src/config_members.ts: what the console's editor of configs completes."""
    options = sorted({option.name for provider in PROVIDERS.values() for option in provider.options})
    members = {**MEMBERS, "config": list(dict.fromkeys([*MEMBERS["config"], *options]))}
    values = {**VALUES, "provider": sorted(PROVIDERS)}
    return (
        "/** What the editor of configs completes: members by the object that holds them, and values by their member.\n"
        " *  Generated from the code: `python docs/generate.py` rewrites this file. */\n\n"
        f"export const MEMBERS: Record<string, string[]> = {json.dumps(members, indent=2)};\n\n"
        f"export const VALUES: Record<string, string[]> = {json.dumps(values, indent=2)};\n"
    )
