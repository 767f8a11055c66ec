"""docs/settings.md and penstock.example.toml, from settings/model.py."""

from __future__ import annotations

import json
import textwrap
from typing import Any, Final

import msgspec

from generators.table import NOTE, table
from penstock.settings import Settings
from penstock.settings.field import FIELDS, Field

_UNITS: Final = {"s": "seconds", "ms": "milliseconds", "bytes": "bytes", "days": "days"}
_WIDTH: Final = 116


_SETTINGS: Final = f"""\
# Settings

{NOTE}

Settings come from, later ones winning: the defaults, the file `penstock.toml`, environment variables, flags of
`penstock serve` (`--host --port --workers --log-level --provider`). The file is looked for in the working directory;
`--config FILE` or `PENSTOCK_CONFIG` names another. [penstock.example.toml](../penstock.example.toml) has every setting
with its default. What is unknown, misspelt or out of range stops the start, which then tells all that is wrong.

A setting `key` of a section is the variable `PENSTOCK_SECTION_KEY`; for the section `server` and for
`default_provider`, `PENSTOCK_KEY` will do.
In a variable the parts of a list are separated by commas, or the list is JSON (`["a", "b"]`). An empty variable counts
as not set, save where it means empty text or an empty list. Sizes may be written `100 MB`, in steps of 1024. Paths are
relative to the working directory. Portkey's `TRUSTED_CUSTOM_HOSTS` stands for `PENSTOCK_SECURITY_TRUSTED_HOSTS`.
"""


# Shown on the page and, commented out, in the example file.
_CATALOGUE: Final = """\
[virtual_keys.openai-prod]
provider = "openai"
credential = "env:OPENAI_API_KEY"
models = ["gpt-4o*", "o3"]
default_params = { temperature = 0.2 }

[virtual_keys.azure-eu]
provider = "azure-openai"
credential = "file:secrets/azure-eu"
resource_name = "my-resource"

[configs.prod]
id = "pc-prod-1a2b"
strategy = { mode = "fallback" }
targets = [{ provider = "@openai-prod" }, { provider = "@azure-eu" }]

[configs.cheap]
file = "configs/cheap.yaml"

[keys.team-a]
hash = "sha256:17cc6ec7ab6a8afbcad1af9a3c2b0f5a0f3b25bdb9d3d4da77a5e5b23f1ba0c9"
virtual_keys = ["openai-prod"]
configs = ["prod"]
config = "prod"
models = ["gpt-4o-mini", "@azure-eu/*"]
lend = ["openai"]

[models."claude-*"]
target = "@openai-prod/gpt-4o"
"""

_NAMED: Final = f"""
## [virtual_keys.NAME], [configs.NAME], [keys.NAME], [models.PATTERN]

These have no variables: they stand in the file only, and [configs.md](configs.md) tells what callers do with them. The
file is looked at every second, and on SIGHUP: changes of these sections, and of files that they name, are in force
without a restart. A broken file is told in the log and leaves in force what was; so is a file that would let in callers
without a key where a key was needed.

```toml
{_CATALOGUE}```

"""
_NAMED_ROWS: Final = (
    ("virtual key", "`provider`", "Slug of the provider ([providers.md](providers.md)). Required."),
    (
        "",
        "`credential`",
        "The provider's key: `env:NAME`, `file:PATH` (its first line) or `keyring:SERVICE/USER` (the library keyring).",
    ),
    ("", "`base_url`", "In place of the provider's own."),
    ("", "`models`", "The models that may be called, as shell patterns. Absent: all."),
    ("", "`default_params`", "Fills members of the body that are absent or null."),
    (
        "",
        "`forward_headers`",
        "Headers about the provider's account, such as `openai-organization`, that callers may send on.",
    ),
    ("", "`headers`", 'Header fields for every request, such as `{ x-tenant = "acme" }`; values may be references.'),
    ("", "any other", "A setting of the provider, in snake_case, such as `openai_organization`."),
    (
        "config",
        "`file`",
        "A `.json`, `.yaml`, `.yml` or `.toml` file with the config. Absent: the section is the config.",
    ),
    ("", "`id`", "A second name."),
    ("gateway key", "`hash`", "SHA-256 of the key; `penstock key make NAME` makes both. Required."),
    ("", "`virtual_keys`", "The virtual keys that its holder may name. Absent: all."),
    ("", "`configs`", "The configs that its holder may name. Absent: all."),
    ("", "`config`", "The config of requests that name neither provider nor config."),
    (
        "",
        "`providers`, `models`",
        "What its holder may name and ask for ([configs.md](configs.md#gateway-keys)). Absent: all.",
    ),
    ("", "`inline_configs`, `custom_hosts`", "Whether its holder may send a config, and name a host. Absent: `true`."),
    (
        "",
        "`lend`",
        "The providers at which its holder may use the operator's environment keys and identity. Absent: none.",
    ),
    ("", "`hosts`", "Private hosts that its holder may name, beside `security.trusted_hosts`. Absent: none."),
    ("", "`aliases`", "Aliases of models of its own, as `[models.PATTERN]`; `models` as a table means the same."),
    ("", "`labels`", 'Texts by name, such as `{ team = "search" }`: at most 20, of at most 64 characters each.'),
    ("alias of models", "`target`", "`@NAME` or `@NAME/model` ([configs.md](configs.md#aliases-of-models))."),
    ("", "`config`", "In place of `target`: a saved config."),
    ("", "`show`, `hide`", "The name for people in lists of models; whether lists leave it out."),
)
_NAMED_RULES: Final = """
Names have letters, digits, dots, dashes and underscores. Paths are relative to the file that they stand in. Once there
is one gateway key, every request needs one.
"""


def settings_page() -> str:
    """docs/settings.md, from settings/model.py."""
    page = _SETTINGS
    for section in msgspec.structs.fields(Settings):
        rows = [
            (f"`{field.key}`", _default(field), f"`{field.short_variable or field.variable}`", field.description)
            for field in _of_section(section.name)
        ]
        page += f"\n## [{section.name}]\n\n{section.type.__doc__}\n\n"
        page += table(("key", "default", "variable", "meaning"), rows)
    return page + _NAMED + table(("of a", "key", "meaning"), _NAMED_ROWS) + _NAMED_RULES


def example_file() -> str:
    """penstock.example.toml: every setting, commented out."""
    lines = [
        "# All settings of Penstock with their defaults. Copy what you change to penstock.toml (docs/settings.md).",
        "# Written by docs/generate.py.",
    ]
    for section in msgspec.structs.fields(Settings):
        lines += ["", f"[{section.name}]"]
        for field in _of_section(section.name):
            unit = f" In {_UNITS[field.unit]}." if field.unit else ""
            unset = field.default is None
            comment = field.description + unit + (" For example:" if unset else "")
            lines += [f"# {line}" for line in textwrap.wrap(comment, _WIDTH)]
            lines.append(f"#{field.key} = {_toml(field.example if unset else field.default)}")
    lines += ["", "# Virtual keys, configs and gateway keys: none are set; these are examples."]
    lines += [f"# {line}".rstrip() for line in _CATALOGUE.splitlines()]
    return "\n".join(lines) + "\n"


def _of_section(section: str) -> list[Field]:
    return [field for field in FIELDS.values() if field.section == section]


def _default(field: Field) -> str:
    return "unset" if field.default is None else f"`{_toml(field.default)}` {field.unit}".rstrip()


def _toml(value: Any) -> str:
    """A value as TOML, which for these is JSON; whole seconds without a point."""
    return f"{value:g}" if isinstance(value, float) else json.dumps(value)
