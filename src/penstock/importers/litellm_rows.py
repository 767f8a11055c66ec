"""Rows of LiteLLM's database: keys by their digest, teams, budgets, end users.

The table of keys holds the SHA-256 of each key, as Penstock's does, so keys move without being made anew.
Source: https://github.com/BerriAI/litellm/blob/main/schema.prisma.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.importers.imported import Body, Imported, Names, api_key, dollars
from penstock.importers.litellm_branches import Branches
from penstock.importers.litellm_deployments import read_budget
from penstock.importers.report import Report
from penstock.importers.section import Section
from penstock.importers.windows import Span, litellm_span, rate, report_limit
from penstock.importers.windows import budget as budget_of

CONFIG: Final = "litellm"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_MINUTE: Final = Span(1, "m")
_EVERYTHING: Final = frozenset({"all-proxy-models", "*"})
_OF_TEAM: Final = "all-team-models"
_DASHBOARD: Final = "litellm-dashboard"
"""The team of keys that LiteLLM's own page makes for its sessions."""
_MODEL_ROUTES: Final = frozenset({"llm_api_routes", "openai_routes"})
_LONGEST_TEXT: Final = 128
_QUIET: Final = (
    "key_name created_at created_by updated_at updated_by budget_reset_at model_spend last_active last_used_at "
    "allowed_cache_controls config aliases permissions soft_budget_cooldown litellm_budget_table rotation_count "
    "auto_rotate rotation_interval last_rotation_at key_rotation_at team_alias admins members members_with_roles "
    "team_member_permissions model_id router_settings object_permission_id policies access_group_ids rotated_from"
).split()


class Rows(msgspec.Struct, frozen=True):
    """Rows by table, each a map of JSON values by column; null columns may be left out."""

    keys: list[Body] = []
    teams: list[Body] = []
    budgets: list[Body] = []
    end_users: list[Body] = []


class RowReader:
    """Adds keys, and the policies of teams and end users, to what is imported."""

    def __init__(self, rows: Rows, branches: Branches, imported: Imported, report: Report) -> None:
        self._rows = rows
        self._branches = branches
        self._imported = imported
        self._report = report
        self._names = Names()
        self._configs = {_text(each["config"]): each["name"] for each in imported.configs}
        self._teams = {str(row.get("team_id")): row for row in rows.teams}
        self._budgets = {str(row.get("budget_id")): row for row in rows.budgets}
        for each in imported.api_keys:
            self._names.unique(each["name"])

    def read(self) -> None:
        """Read all rows."""
        for row in self._rows.teams:
            self._team(row)
        for row in self._rows.keys:
            self._key(row)
        for row in self._rows.end_users:
            self._end_user(row)

    # Keys.

    def _key(self, row: Body) -> None:
        name = row.get("key_alias") or row.get("key_name") or "key"
        section = Section(row, f"keys.{name}", self._report)
        digest, team = self._digest(section), self._team_of(section)
        if digest is None:
            return
        if section.values.get("team_id") == _DASHBOARD:
            self._report.near(section.path, "left out: a session of LiteLLM's own page")
            return
        self._report.exact(section.path, "the digest is stored; the key goes on working")
        slug = self._names.unique(str(name), "key")
        config = self._config(slug, section, team)
        body = api_key(slug, digest, config)
        body |= self._limits(section, f"the key {slug}", {"level": "api_key", "owner": slug})
        self._model_budgets(section, slug)
        self._labels(section, body, team)
        expires = section.text("expires")
        if expires is not None:
            body["expires_at"] = expires
            self._report.exact(section.at("expires"), "expires_at")
        is_blocked = bool(section.switch("blocked")) or bool(team is not None and team.get("blocked"))
        if is_blocked or config is None or not self._calls_models(section):
            body["status"] = "disabled"
        if "blocked" in section or is_blocked:
            self._report.exact(section.at("blocked"), "status disabled" if is_blocked else "status active")
        section.skip(dict.fromkeys(_QUIET, "not needed for a key to work"))
        section.finish()
        self._imported.blocks_callers = True
        self._imported.api_keys.append(body)

    def _digest(self, section: Section) -> str | None:
        token = section.text("token")
        if token is not None and token.startswith("sk-"):
            return hashlib.sha256(token.encode()).hexdigest()
        if token is None or not _DIGEST.fullmatch(token):
            section.met.update(section.values)
            self._report.lost(section.path, "its column token holds no SHA-256: make a new key")
            return None
        return token

    def _team_of(self, section: Section) -> Body | None:
        id_ = section.text("team_id")
        return None if id_ is None else self._teams.get(id_)

    def _config(self, slug: str, section: Section, team: Body | None) -> str | None:
        """The name of the config with the key's models, None where they are none of the file's."""
        models, path = section.texts("models"), section.at("models")
        id_ = section.values.get("team_id")
        lists = [] if not models or _EVERYTHING & set(models) or _OF_TEAM in models else [models]
        of_team = [] if team is None else [each for each in team.get("models") or () if isinstance(each, str)]
        if of_team and not _EVERYTHING & set(of_team):
            lists.append(of_team)
        names: set[str] | None = None
        for each in lists:
            allowed = set(self._branches.allowed(each, id_ if isinstance(id_, str) else None))
            names = allowed if names is None else names & allowed
        config = self._branches.config(names, team=id_ if isinstance(id_, str) else None)
        if config is None:
            self._report.near(path, "none of its models is in config.yaml: status disabled")
            return None
        text = _text(config)
        name: str = self._configs.setdefault(text, f"{CONFIG}-{slug}")
        if name == f"{CONFIG}-{slug}":
            self._imported.configs.append({"name": name, "config": config, "is_default": 0})
        self._report.exact(path, f"config {name}")
        return name

    def _limits(self, section: Section, whose: str, balance: Body) -> Body:
        """Budget, rates and concurrency of a row; where it has none, those of the budget that it names."""
        self._merge_budget(section)
        limits: Body = {}
        usage = read_budget(section, f"usage_limits of {whose}")
        soft = section.number("soft_budget")
        if soft is not None:
            is_below = usage is not None and 0 < soft < usage["credit_limit"]
            self._report.near(section.at("soft_budget"), "alert_threshold" if is_below else "no alert without a limit")
            if usage is not None and is_below:
                usage["alert_threshold"] = dollars(soft)
        if usage is not None:
            limits["usage_limits"] = usage
        rates = []
        for key, kind in (("rpm_limit", "requests"), ("tpm_limit", "tokens")):
            amount = section.number(key, needs_consent=True)
            if amount is not None:
                rates.append(
                    report_limit(self._report, section.at(key), rate(kind, amount, _MINUTE), f"rate_limits of {whose}")
                )
        if any(rates):
            limits["rate_limits"] = [each for each in rates if each is not None]
        parallel = section.number("max_parallel_requests", needs_consent=True)
        if parallel:
            limits["concurrency_limit"] = int(parallel)
            self._report.exact(section.at("max_parallel_requests"), f"concurrency_limit of {whose}")
        self._opening(section, balance)
        return limits

    def _merge_budget(self, section: Section) -> None:
        id_ = section.text("budget_id")
        if id_ is None:
            return
        if id_ not in self._budgets:
            self._report.lost(section.at("budget_id"), f"there is no budget {id_}", needs_consent=True)
            return
        self._report.exact(section.at("budget_id"), "limits of the budget, where there are none of its own")
        known = {"max_budget", "soft_budget", "budget_duration", "rpm_limit", "tpm_limit", "max_parallel_requests"}
        budget = {key: value for key, value in self._budgets[id_].items() if key in known and value is not None}
        section.values = {**budget, **section.values}

    def _opening(self, section: Section, balance: Body) -> None:
        spend = section.number("spend")
        amount = dollars(spend) if spend else None
        if spend is not None:
            self._report.exact(section.at("spend"), "opening balance" if amount else "nothing was used")
        if amount:
            self._imported.opening_balances.append({**balance, "type": "cost", "amount": amount})

    def _model_budgets(self, section: Section, slug: str) -> None:
        budgets = section.section("model_max_budget")
        for model, value in budgets.values.items():
            inner = value if isinstance(value, dict) else {"budget_limit": value}
            each = Section(inner, budgets.at(model), self._report)
            amount = each.number("budget_limit", needs_consent=True)
            if amount is None:
                amount = each.number("max_budget", needs_consent=True)
            duration = each.text("time_period") or each.text("budget_duration")
            if amount is None:
                self._report.lost(each.path, "a budget needs budget_limit", needs_consent=True)
                continue
            span = None if duration is None else litellm_span(duration)
            usage = report_limit(self._report, each.path, budget_of(amount, span), f"a policy for {slug} and {model}")
            if usage is not None:
                conditions = [{"key": "api_key", "value": slug}, {"key": "model", "value": model}]
                policy = {"name": f"{slug} {model}", "conditions": conditions, "group_by": []}
                self._imported.usage_policies.append({**policy, **usage})

    def _labels(self, section: Section, body: Body, team: Body | None) -> None:
        """What is forced into the metadata of the key's requests: its own metadata, team, user and organisation."""
        metadata: dict[str, str] = {}
        section_metadata = section.section("metadata")
        for key, value in section_metadata.values.items():
            if isinstance(value, str) and len(value) <= _LONGEST_TEXT:
                metadata[key] = value
                self._report.exact(section_metadata.at(key), "defaults.metadata")
            else:
                self._report.near(section_metadata.at(key), f"metadata are texts of at most {_LONGEST_TEXT} characters")
        labels: dict[str, str] = {}
        for column, label in (("user_id", "user"), ("organization_id", "organization"), ("project_id", "project")):
            value = section.text(column)
            if value is not None:
                labels[label] = value
                self._report.exact(section.at(column), f"label {label}")
        if "team_id" in section:
            labels["team"] = _team_name(team) if team is not None else str(section.values["team_id"])
            self._report.exact(section.at("team_id"), f"label team {labels['team']}")
        if metadata or labels:
            body["defaults"]["metadata"] = {**metadata, **labels}
        if labels:
            body["labels"] = labels

    def _calls_models(self, section: Section) -> bool:
        routes = section.texts("allowed_routes")
        if not routes or _MODEL_ROUTES & set(routes):
            if routes:
                self._report.exact(section.at("allowed_routes"), "scope completions.write")
            return True
        text = "a key for some endpoints of LiteLLM's: disabled, since here it could call all models of its config"
        self._report.near(section.at("allowed_routes"), text)
        return False

    # Teams and end users.

    def _team(self, row: Body) -> None:
        section = Section(row, f"teams.{_team_name(row)}", self._report)
        name = _team_name(row)
        self._report.exact(section.path, f"label team {name} of its keys")
        limits = self._limits(section, f"the team {name}", {"level": "policy", "owner": f"team {name}"})
        self._policies(f"team {name}", [{"key": "metadata.team", "value": name}], limits, section)
        models = section.texts("models")
        if models:
            self._report.exact(section.at("models"), "configs of its keys")
        if section.switch("blocked") is not None:
            self._report.exact(section.at("blocked"), "status of its keys")
        for key in ("team_id", "team_alias"):
            section.value(key)
        section.skip(
            dict.fromkeys((*_QUIET, "metadata", "organization_id", "model_max_budget"), "keys have labels alone")
        )
        section.finish()

    def _end_user(self, row: Body) -> None:
        id_ = row.get("user_id")
        section = Section(row, f"end users.{id_}", self._report)
        if section.switch("blocked"):
            self._report.lost(section.at("blocked"), "end users can't be blocked one by one", needs_consent=True)
        limits = self._limits(section, f"the end user {id_}", {"level": "policy", "owner": f"end user {id_}"})
        if isinstance(id_, str):
            self._policies(f"end user {id_}", [{"key": "metadata._user", "value": id_}], limits, section)
        section.value("user_id")
        section.finish_near("nothing here depends on it")

    def _policies(self, name: str, conditions: list[Body], limits: Body, section: Section) -> None:
        policy: Body = {"name": name, "conditions": conditions, "group_by": []}
        if "usage_limits" in limits:
            self._imported.usage_policies.append({**policy, **limits["usage_limits"]})
        self._imported.rate_policies += [{**policy, **each} for each in limits.get("rate_limits", ())]
        if "concurrency_limit" in limits:
            text = "policies have no limit of requests at a time"
            self._report.lost(section.at("max_parallel_requests"), text, needs_consent=True)


def _team_name(row: Mapping[str, Any]) -> str:
    return str(row.get("team_alias") or row.get("team_id") or "team")


def _text(config: Any) -> str:
    return json.dumps(config, sort_keys=True)
