"""An integration's ``configurations``: a provider's own settings, under the names that Portkey's clients give them.

The names follow from the options of the provider rows, and are those of ``x-portkey-…`` headers and of penstock.toml:
``azure_resource_name``, ``aws_region``. What is secret among them is kept encrypted and shown masked. Source:
docs/control-plane.md#configurations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from penstock.control.members import in_snake_case, is_plain
from penstock.control.redact import MASK
from penstock.control.refusal import Problem, Problems
from penstock.core import custom_headers
from penstock.core.did_you_mean import hint
from penstock.core.json_text import write_json
from penstock.core.secret import Secret

CUSTOM_HOST: Final = "custom_host"
CUSTOM_HEADERS: Final = "custom_headers"
_DEPLOYMENTS: Final = ("azure_deployment_config", "deployment_config")
"""Portkey's list of the deployments behind one credential."""
_MASKED: Final = "masked_"
"""How the names of secrets begin where answers show them."""
_AZURE: Final = "azure-openai"
_OTHER_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    _AZURE: {
        "azure_deployment_name": "azure_deployment_id",
        "deployment_name": "azure_deployment_id",
        "azure_model_slug": "azure_base_model",
    },
}
"""Names in Portkey's bodies that are no option's name, by provider."""
_OTHER_VALUES: Final[Mapping[str, Mapping[str, str | None]]] = {
    "azure_auth_mode": {"default": None},
    "aws_auth_type": {"accessKey": None, "serviceRole": "default"},
    "vertex_auth_type": {"basic": None, "serviceAccount": None},
}
"""Values in Portkey's bodies that have another name here. None: what happens without the setting."""
_OF_DEPLOYMENT: Final = {
    "azure_deployment_name": "azure_deployment_id",
    "deployment_name": "azure_deployment_id",
    "azure_api_version": "azure_api_version",
    "api_version": "azure_api_version",
    "azure_model_slug": "azure_base_model",
}
_LONGEST: Final = 64 << 10
"""Characters of one setting: a service account's JSON has about 2,500."""


class OptionRow(Protocol):
    """What is read of a provider's option (providers/row.py)."""

    @property
    def name(self) -> str: ...
    @property
    def header(self) -> str: ...
    @property
    def config_keys(self) -> Sequence[str]: ...
    @property
    def pattern(self) -> str | None: ...
    @property
    def secret(self) -> bool: ...
    @property
    def names_host(self) -> bool: ...


class ProviderRow(Protocol):
    """What is read of a provider's row (providers/row.py)."""

    @property
    def slug(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def is_local(self) -> bool: ...
    @property
    def options(self) -> Sequence[OptionRow]: ...


JudgeHost = Callable[[str], str | None]
"""Why a URL may not be named as a host, as a clause such as ``it has no host``; None if it may."""


class ProviderRules(msgspec.Struct, frozen=True):
    """What credentials are judged by: the provider rows by slug, the slugs of their other names, the address policy."""

    rows: Mapping[str, ProviderRow] = {}
    aliases: Mapping[str, str] = {}
    judge_host: JudgeHost = lambda _: None

    def find(self, name: str) -> ProviderRow | None:
        """The row of a slug, or of another name of a provider."""
        name = name.strip()
        plain = name.lower().replace("_", "-")
        return self.rows.get(name) or self.rows.get(self.aliases.get(name, self.aliases.get(plain, plain)))


class Configurations(msgspec.Struct):
    """Settings by their name, as a body gives them; None takes a setting away."""

    plain: dict[str, str | None] = {}
    secret: dict[str, Secret | None] = {}


def option_name(option: OptionRow) -> str:
    """The name of an option in configurations: its header's, written with underscores."""
    return option.header.replace("-", "_")


def names(row: ProviderRow) -> dict[str, str]:
    """What may stand in the configurations of a provider, and the setting that each name means."""
    known = {}
    for option in row.options:
        for name in (option.name, option_name(option), *option.config_keys):
            known[name] = option_name(option)
    known |= {name: meant for name, meant in _OTHER_NAMES.get(row.slug, {}).items() if meant in known.values()}
    return {**known, CUSTOM_HOST: CUSTOM_HOST, CUSTOM_HEADERS: CUSTOM_HEADERS}


def lists_deployments(row: ProviderRow) -> tuple[str, ...]:
    """The names under which a provider's configurations may list deployments."""
    return _DEPLOYMENTS if row.slug == _AZURE else ()


def read(
    row: ProviderRow, values: Mapping[str, Any], judge: JudgeHost, pointer: str, problems: Problems
) -> Configurations:
    """The settings that a body gives a provider. Everything that is wrong is added to the problems."""
    reader = _Reader(row, judge, problems)
    for key, value in values.items():
        name = in_snake_case(key)
        where = f"{pointer}/{key[:64]}"
        # A client that changes what it read sends the masks back.
        if name.startswith(_MASKED):
            continue
        if name == CUSTOM_HEADERS:
            reader.headers(value, where)
        elif name in lists_deployments(row):
            reader.deployments(value, where)
        else:
            reader.setting(name, value, where)
    return reader.result


class _Reader:
    def __init__(self, row: ProviderRow, judge: JudgeHost, problems: Problems) -> None:
        self.result = Configurations()
        self._row = row
        self._judge = judge
        self._problems = problems
        self._options = {option_name(option): option for option in row.options}
        self._names = names(row)

    def setting(self, name: str, value: object, where: str) -> None:
        meant = self._names.get(name)
        if meant is None:
            self._complain(where, self._unknown(name))
            return
        # An empty text is what Node's client sends for a field that was left empty.
        if value is None or value == "":
            self._put(meant, None, where)
            return
        text = _as_text(value)
        if text is None or not text.strip() or len(text) > _LONGEST or not is_plain(text):
            self._complain(where, f"expected a text of 1 to {_LONGEST} characters")
            return
        text = text.strip()
        self._put(meant, _OTHER_VALUES.get(meant, {}).get(text, text), where)

    def headers(self, value: object, where: str) -> None:
        """Header fields for all requests: one secret, for any of them may hold a credential."""
        if not value:
            self.result.secret[CUSTOM_HEADERS] = None
            return
        if not isinstance(value, dict) or len(value) > custom_headers.MOST:
            self._complain(where, f"expected an object of at most {custom_headers.MOST} texts by name")
            return
        count = len(self._problems)
        for name, text in value.items():
            if not isinstance(text, str):
                self._complain(f"{where}/{name[:64]}", "expected a text")
                continue
            problem = custom_headers.problem(name, text)
            if problem is not None:
                self._complain(f"{where}/{name[:64]}", problem)
        if len(self._problems) == count:
            self.result.secret[CUSTOM_HEADERS] = Secret(write_json(value).decode())

    def deployments(self, value: object, where: str) -> None:
        """One deployment of Azure, as Portkey lists it."""
        if value is None:
            for name in sorted(set(_OF_DEPLOYMENT.values())):
                self._put(name, None, where)
            return
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value) or not value:
            self._complain(where, "expected a list of objects")
            return
        if len(value) > 1:
            text = "an integration has one deployment here: make an integration for each of the others"
            self._complain(where, text)
            return
        for key, member in value[0].items():
            name = in_snake_case(key)
            # One deployment serves every model's name, so an alias needs no room, and it is the default.
            if name in {"alias", "is_default"}:
                continue
            meant = _OF_DEPLOYMENT.get(name)
            if meant is None:
                self._complain(f"{where}/0/{key[:64]}", f"unknown member: there are {', '.join(_OF_DEPLOYMENT)}")
            else:
                self.setting(meant, member, f"{where}/0/{key[:64]}")

    def _put(self, name: str, value: str | None, where: str) -> None:
        option = self._options.get(name)
        if option is not None and option.secret:
            if value is not None and is_masked(value):
                self._complain(where, "this is the masked form: leave the member out to keep the secret")
                return
            self._once(self.result.secret, name, None if value is None else Secret(value), where)
            return
        if value is not None:
            problem = self._problem(option, value)
            if problem is not None:
                self._complain(where, problem)
                return
        self._once(self.result.plain, name, value, where)

    def _problem(self, option: OptionRow | None, value: str) -> str | None:
        if option is not None and option.pattern is not None and not re.fullmatch(option.pattern, value):
            return f"its value must match {option.pattern}"
        if option is None or option.names_host:
            reason = self._judge(value)
            return None if reason is None else f"the host is refused: {reason}"
        return None

    def _once(self, settings: dict[str, Any], name: str, value: object, where: str) -> None:
        if settings.setdefault(name, value) != value:
            self._complain(where, f"it is {name} in another spelling, with another value: leave one of them out")

    def _unknown(self, name: str) -> str:
        rest = f"{self._row.slug} takes {', '.join(sorted(set(self._names.values())))}"
        return f"unknown setting: {hint(name, self._names, rest)}"

    def _complain(self, where: str, text: str) -> None:
        self._problems.append(Problem(where, text))


def _as_text(value: object) -> str | None:
    """A setting's value: text as it is, a number, a switch or an object (a service account) as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float | dict):
        return write_json(value).decode()
    return None


def is_masked(text: str) -> bool:
    """Whether a text is a secret as answers show it (redact.py), and no secret."""
    return text == MASK or re.fullmatch(rf".{{2}}{re.escape(MASK)}.{{3}}", text, re.DOTALL) is not None


def shown(row: ProviderRow | None, plain: Mapping[str, str], masks: Mapping[str, str]) -> dict[str, Any]:
    """Configurations as answers show them: secrets masked, Azure's deployment as Portkey lists it, too."""
    values: dict[str, Any] = {**plain, **{f"{_MASKED}{name}": text for name, text in masks.items()}}
    if row is not None and lists_deployments(row) and "azure_deployment_id" in plain:
        deployment = {"azure_deployment_name": plain["azure_deployment_id"], "is_default": True}
        for member, name in (("azure_api_version", "azure_api_version"), ("azure_model_slug", "azure_base_model")):
            if name in plain:
                deployment[member] = plain[name]
        values[_DEPLOYMENTS[0]] = [deployment]
    return values
