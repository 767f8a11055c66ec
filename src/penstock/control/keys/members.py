"""The members of a gateway key as bodies write them, read into columns of its row, with all problems at once."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any, Final

import msgspec

from penstock.control.keys import rotation_policy
from penstock.control.limits import owners as owner_limits
from penstock.control.members import LONGEST_NAME, VALUE, Fields, Members
from penstock.control.plane import now
from penstock.control.refusal import Problem
from penstock.control.scopes import EVERY, SCOPES
from penstock.core.did_you_mean import hint
from penstock.core.json_text import write_json
from penstock.core.mail_address import is_mail_address
from penstock.stores.alias_definitions import of_stored_key

_DEFAULTS: Final = Fields(metadata=VALUE, config_id=VALUE, allow_config_override=VALUE)
FIELDS: Final = Fields(
    name=VALUE,
    description=VALUE,
    scopes=VALUE,
    defaults=_DEFAULTS,
    expires_at=VALUE,
    status=VALUE,
    labels=VALUE,
    allowed_models=VALUE,
    allowed_providers=VALUE,
    allowed_ips=VALUE,
    alert_emails=VALUE,
    expose_cost=VALUE,
    log_content=VALUE,
    model_aliases=VALUE,
    reset_usage=VALUE,
    rotation_policy=rotation_policy.FIELDS,
    **owner_limits.FIELDS,
)
"""The members of a change; ``CREATED`` are those of a new key."""
CREATED: Final = Fields(FIELDS, workspace_id=VALUE, user_id=VALUE)
OF_ORGANISATION: Final = ("organisation_", "audit_logs.")
"""How scopes begin that only keys of the organisation can hold."""
_MOST_LABELS: Final = 20
_MOST_ADDRESSES: Final = 20
_LONGEST_LABEL: Final = 64
_LONGEST_METADATA: Final = 128
_LONGEST_ALIASES: Final = 64 << 10


class KeyMembers(msgspec.Struct, frozen=True):
    """What a body says of a key: columns of its row, its limits, its default config as the body names it. A member
    that the body does not have is absent; ``config`` is None where the default config stays."""

    columns: Mapping[str, Any]
    limits: Mapping[str, Any]
    config: Mapping[str, str | None]
    resets_usage: bool


def read(members: Members, kind: str) -> KeyMembers:
    """What the members say. Problems are added to those of ``members``."""
    columns: dict[str, Any] = {}
    config: dict[str, str | None] = {}
    _plain(members, columns)
    _scopes(members, kind, columns)
    _lists(members, columns)
    _defaults(members, columns, config)
    _aliases(members, columns)
    limits = owner_limits.read("api_key", members)
    if members.has("rotation_policy"):
        policy, columns["next_rotation_at"] = rotation_policy.read(members, now())
        columns["rotation"] = rotation_policy.encode(policy)
    return KeyMembers(columns, limits, config, members.switch("reset_usage") is True)


def _plain(members: Members, columns: dict[str, Any]) -> None:
    if members.has("name"):
        members.require("name")
        columns["name"] = members.text("name", LONGEST_NAME)
    if members.has("description"):
        columns["description"] = members.remark("description")
    if members.has("expires_at"):
        columns["expires_at"] = members.timestamp("expires_at")
    if members.values.get("status") is not None:
        columns["status"] = members.choice("status", ("active", "disabled"))
    if members.has("expose_cost"):
        columns["expose_cost"] = members.switch("expose_cost") is True
    if members.has("log_content"):
        columns["log_content"] = members.switch("log_content")


def _scopes(members: Members, kind: str, columns: dict[str, Any]) -> None:
    if not members.has("scopes"):
        return
    scopes = members.texts("scopes")
    if not scopes:
        members.complain("scopes", "expected a list of at least one scope, such as completions.write")
        return
    of_organisation = kind == "organisation-service"
    for index, scope in enumerate(scopes):
        known = scope in SCOPES or scope == EVERY
        if not known:
            way_out = hint(scope, sorted(SCOPES), "docs/control-plane.md lists them")
            members.problems.append(Problem(f"/scopes/{index}", f"there is no scope {scope[:64]}: {way_out}"))
        elif not of_organisation and (scope == EVERY or scope.startswith(OF_ORGANISATION)):
            members.problems.append(Problem(f"/scopes/{index}", f"{scope} is for keys of the organisation only"))
    columns["scopes"] = _json(sorted(set(scopes)))


def _lists(members: Members, columns: dict[str, Any]) -> None:
    for name in ("allowed_models", "allowed_providers", "allowed_ips"):
        if not members.has(name):
            continue
        texts = members.texts(name)
        if name == "allowed_providers" and texts is not None:
            texts = [each.removeprefix("@") for each in texts]
        columns[name] = None if texts is None else _json(texts)
        for index, each in enumerate(texts or () if name == "allowed_ips" else ()):
            if not _is_network(each):
                members.problems.append(Problem(f"/allowed_ips/{index}", "expected an address or a network"))
    if members.has("labels"):
        columns["labels"] = _json(members.labels("labels", _MOST_LABELS, _LONGEST_LABEL) or {})
    if members.has("alert_emails"):
        columns["alert_emails"] = _json(_addresses(members))


def _addresses(members: Members) -> list[str]:
    """Whom mails about the key go to. They stand in one mail with the operator's, so none may break it."""
    addresses = members.texts("alert_emails") or []
    if len(addresses) > _MOST_ADDRESSES:
        members.complain("alert_emails", f"there are {len(addresses)}, and {_MOST_ADDRESSES} at most may be set")
    for index, each in enumerate(addresses[:_MOST_ADDRESSES]):
        if not is_mail_address(each):
            members.problems.append(Problem(f"/alert_emails/{index}", "expected a mail address, as in bot@example.com"))
    return addresses


def _defaults(members: Members, columns: dict[str, Any], config: dict[str, str | None]) -> None:
    if not members.has("defaults"):
        return
    # Null clears all of them.
    cleared = Members(dict.fromkeys(_DEFAULTS), _DEFAULTS)
    defaults = members.inner("defaults") or cleared
    if defaults.has("metadata"):
        columns["metadata"] = _json(defaults.labels("metadata", _MOST_LABELS, _LONGEST_METADATA) or {})
    if defaults.has("allow_config_override"):
        columns["allow_config_override"] = defaults.switch("allow_config_override") is not False
    if defaults.has("config_id"):
        config["reference"] = defaults.text("config_id", LONGEST_NAME)


def _aliases(members: Members, columns: dict[str, Any]) -> None:
    if not members.has("model_aliases"):
        return
    entries = members.values["model_aliases"]
    for problem in of_stored_key(entries)[1]:
        members.complain("model_aliases", problem)
    text = None if not entries else _json(entries)
    if text is not None and len(text) > _LONGEST_ALIASES:
        members.complain("model_aliases", f"expected at most {_LONGEST_ALIASES >> 10} KiB")
    columns["model_aliases"] = text


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _json(value: Any) -> str:
    return write_json(value).decode()
