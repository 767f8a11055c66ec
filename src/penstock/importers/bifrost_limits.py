"""Bifrost's budgets and rate limits. Source: https://docs.getbifrost.ai/features/governance/budget-and-limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from penstock.importers.imported import Body, Imported, dollars
from penstock.importers.report import Report
from penstock.importers.section import Section
from penstock.importers.windows import Span, bifrost_span, budget, rate, report_limit

_OWNERS: Final = ("virtual_key_id", "team_id", "customer_id", "provider_config_id", "model_config_id", "provider_name")
_DAYS: Final = {"daily": 1, "weekly": 7, "monthly": 30, "quarterly": 91, "yearly": 365}
_BUDGET: Final = {
    "id": "budgets have no names of their own",
    "last_reset": "windows begin by the calendar",
    "config_hash": "an identifier of Bifrost's",
    "created_at": "the import is the beginning",
    "updated_at": "the import is the beginning",
}
_RATE: Final = {
    "config_hash": "an identifier of Bifrost's",
    "token_current_usage": "windows of rates begin anew",
    "request_current_usage": "windows of rates begin anew",
    "token_last_reset": "windows of rates begin anew",
    "request_last_reset": "windows of rates begin anew",
    "created_at": "the import is the beginning",
    "updated_at": "the import is the beginning",
}


class LimitReader:
    """Finds the limits of an owner: beside it, named by it, or naming it."""

    def __init__(self, governance: Section, imported: Imported, report: Report) -> None:
        self._imported = imported
        self._report = report
        self._budgets = list(governance.sections("budgets"))
        self._rates = {each.text("id") or each.path: each for each in governance.sections("rate_limits")}
        self._used: set[str] = set()

    def limits(self, owner: Section, kind: str, text: str, balance: Body) -> Body:
        """The limits of an owner as members of a body. ``kind`` is how budgets name such an owner (``team_id``);
        ``balance`` says whose what was used before is."""
        usage = [self._budget(each, text, balance) for each in self._budgets_of(owner, kind)]
        rates = [each for section in self._rates_of(owner) for each in self._rate(section, text)]
        found: Body = {}
        budgets = [each for each in usage if each is not None]
        if budgets:
            found["usage_limits"] = budgets[0] if len(budgets) == 1 else _distinct(budgets, owner)
        if rates:
            found["rate_limits"] = rates
        return found

    def finish(self) -> None:
        """Add a line for limits that nothing has."""
        for section in (*self._budgets, *self._rates.values()):
            if section.path not in self._used:
                section.met.update(section.values)
                self._report.near(section.path, "nothing in the file has this limit")

    def _budgets_of(self, owner: Section, kind: str) -> Iterator[Section]:
        yield from owner.sections("budgets")
        single = owner.section("budget")
        if single.values:
            yield single
        wanted = owner.text("budget_id")
        id_ = owner.values.get("id")
        for each in self._budgets:
            names_owner = id_ is not None and each.values.get(kind) == id_
            if names_owner or (wanted is not None and each.values.get("id") == wanted):
                self._use(each, owner)
                if wanted is not None and each.values.get("id") == wanted:
                    self._report.exact(owner.at("budget_id"), f"the budget {wanted}")
                    wanted = None
                yield each
        if wanted is not None:
            self._report.lost(owner.at("budget_id"), f"there is no budget {wanted}", needs_consent=True)

    def _rates_of(self, owner: Section) -> Iterator[Section]:
        single = owner.section("rate_limit")
        if single.values:
            yield single
        wanted = owner.text("rate_limit_id")
        if wanted is not None and wanted in self._rates:
            self._use(self._rates[wanted], owner)
            yield self._rates[wanted]
            self._report.exact(owner.at("rate_limit_id"), f"the rate limit {wanted}")
        elif wanted is not None:
            self._report.lost(owner.at("rate_limit_id"), f"there is no rate limit {wanted}", needs_consent=True)

    def _use(self, section: Section, owner: Section) -> None:
        if section.path in self._used:
            self._report.near(owner.path, f"{section.path} has one counter for each owner here")
        self._used.add(section.path)

    def _budget(self, section: Section, text: str, balance: Body) -> Body | None:
        amount, duration = section.number("max_limit", needs_consent=True), section.text("reset_duration")
        span = None if duration is None else bifrost_span(duration)
        if duration is not None:
            path = section.at("reset_duration")
            if span is None:
                self._report.near(path, "it is no duration: the budget is never reset")
            else:
                self._report.exact(path, "window of the budget")
        aligned = section.switch("calendar_aligned")
        if aligned:
            self._report.exact(section.at("calendar_aligned"), "windows follow the calendar")
        elif span is not None:
            self._report.near(section.at("calendar_aligned"), "windows follow the calendar in UTC all the same")
        self._opening(section, balance)
        for override in section.sections("overrides"):
            self._report.near(override.path, "give it with the key's page: it ends by itself there")
        section.skip({**_BUDGET, **dict.fromkeys(_OWNERS, "whose limit it is")})
        section.finish()
        if amount is None:
            self._report.lost(section.path, "a budget needs max_limit", needs_consent=True)
            return None
        return report_limit(self._report, section.at("max_limit"), budget(amount, span), f"usage_limits of {text}")

    def _opening(self, section: Section, balance: Body) -> None:
        used = section.number("current_usage")
        if not used:
            return
        amount = dollars(used)
        self._report.exact(section.at("current_usage"), "opening balance")
        if amount:
            self._imported.opening_balances.append({**balance, "type": "cost", "amount": amount})

    def _rate(self, section: Section, text: str) -> list[Body]:
        found = []
        for kind, word in (("requests", "request"), ("tokens", "token")):
            amount = section.number(f"{word}_max_limit", needs_consent=True)
            duration = section.text(f"{word}_reset_duration")
            span = bifrost_span(duration) if duration else None
            if amount is None:
                continue
            path = section.at(f"{word}_max_limit")
            if duration is not None:
                self._report.exact(section.at(f"{word}_reset_duration"), "window of the rate")
            if span is None:
                self._report.near(path, "without a duration it counts for a minute")
            members = report_limit(
                self._report, path, rate(kind, amount, span or Span(1, "m")), f"rate_limits of {text}"
            )
            if members is not None:
                found.append(members)
        if "id" in section:
            self._report.near(section.at("id"), "limits have no names of their own")
        section.skip(_RATE)
        section.finish()
        return found


def _distinct(budgets: list[Body], owner: Section) -> list[Body]:
    """One budget of a type: that which is spent first within its window. Bifrost has several at once."""
    kept = min(budgets, key=_daily)
    owner.report.lost(owner.path, f"one budget of {len(budgets)} is kept, the tightest in a day", needs_consent=True)
    return [kept]


def _daily(members: Body) -> float:
    window = bifrost_span(members.get("penstock_window", ""))
    if window is not None:
        return float(members["credit_limit"]) * Span(1, "d").seconds / window.seconds
    length: int = members.get("periodic_reset_days") or _DAYS.get(members.get("periodic_reset", ""), 3650)
    return float(members["credit_limit"]) / length
