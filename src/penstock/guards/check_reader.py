"""One check of a guard, as a config writes it -> a ``HookCheck``: its parameters, its scope, what its errors count as.

Source: docs/guardrails.md#configs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from penstock.core.did_you_mean import hint
from penstock.core.json_text import write_json
from penstock.core.segments import SegmentKind
from penstock.guards import registry
from penstock.guards.base import Check, Phase, Prepared
from penstock.guards.parameters import Parameters
from penstock.guards.plan import SCOPES, HookCheck, Scope
from penstock.routing.budget import MOST_BYTES, OverBudget
from penstock.routing.memo import digest_of
from penstock.routing.problems import Problems, refuse

_MOST_OWN: Final = 50
"""Checks of guards that a request brings, for all its targets together."""
_MOST_VARIED: Final = 50
"""Ways in which a request may change saved guards: each is prepared by itself."""
_MOST_ASKED: Final = 100
"""Servers that these may ask: one request must not become any number of them."""
_MOST_BYTES: Final = 8 << 20
"""Memory of their patterns and lists."""


class CheckMemory:
    """Counts the memory of the patterns and lists of a config's guards, whoever wrote them: what more takes to prepare
    is time that others wait for."""

    def __init__(self) -> None:
        self._bytes = 0

    def add(self, size: int) -> None:
        """Count some bytes. Raises OverBudget before the next check is prepared."""
        self._bytes += size
        if self._bytes > MOST_BYTES:
            raise OverBudget(f"the patterns and lists of its guards take more than {MOST_BYTES >> 20} MB")


class OwnChecks:
    """Counts the checks that a request brings. Raises Refusal as soon as they are too many, before the next is read."""

    def __init__(self) -> None:
        self._checks = self._varied = self._servers = self._bytes = 0

    def vary(self, path: str) -> None:
        """Count a saved guard that the request changes."""
        self._varied += 1
        if self._varied > _MOST_VARIED:
            raise refuse(path, f"the request changes saved guards in more than {_MOST_VARIED} ways: save these, too")

    def begin(self, path: str) -> None:
        self._checks += 1
        if self._checks > _MOST_OWN:
            raise refuse(path, f"the request's guards have more than {_MOST_OWN} checks: the operator may save them")
        self._judge(path)

    def end(self, prepared: Prepared, path: str) -> None:
        self._servers += prepared.servers if prepared.ask is not None else 0
        self._bytes += prepared.size
        self._judge(path)

    def _judge(self, path: str) -> None:
        if self._servers > _MOST_ASKED:
            raise refuse(path, f"the request's guards may have more than {_MOST_ASKED} servers asked")
        if self._bytes > _MOST_BYTES:
            raise refuse(path, f"the patterns and lists of the request's guards take more than {_MOST_BYTES >> 20} MiB")


class CheckReader:
    """Reads the checks of one hook, whose own ``members`` hold for all of them. ``is_saved``: the operator wrote the
    hook; ``memory`` counts what all checks of the config take, ``own`` the checks that a request brings;
    ``fails_on_error``: an error of a check counts as a false verdict unless its parameters say otherwise."""

    def __init__(
        self,
        phase: Phase,
        members: dict[str, Any],
        path: str,
        problems: Problems,
        configs: Collection[str] | None,
        memory: CheckMemory,
        own: OwnChecks | None,
        *,
        is_saved: bool,
        fails_on_error: bool,
    ) -> None:
        self._memory = memory
        self._phase = phase
        self._members = members
        self._path = path
        self._problems = problems
        self._configs = configs
        self._own = own
        self._is_saved = is_saved
        self._fails_on_error = fails_on_error

    def check(self, name: str, values: Any, path: str, where: str) -> HookCheck:
        """The check of this name. ``path`` leads to its parameters, ``where`` to the check itself."""
        check = registry.check_of(name)
        if check is None:
            raise refuse(where, _unknown(name))
        if self._phase not in check.phases:
            raise refuse(where, f"the check {registry.full_id(name)} is for the other side: requests or answers")
        if not isinstance(values, dict):
            raise refuse(path, "it must be an object")
        if values.get("credentials") is None and self._members.get("credentials") is not None:
            values = {**values, "credentials": self._members["credentials"]}
        parameters = Parameters(
            values, path, self._problems, self._phase, is_operators=self._is_saved, configs=self._configs
        )
        fails = parameters.switch("failOnError")
        timeout = parameters.number("timeout", least=1)
        scope = self._scope(parameters, check)
        parameters.any("credentials")
        if self._own is not None:
            self._own.begin(path)
        prepared = check.prepare(parameters)
        self._memory.add(prepared.size)
        if self._own is not None:
            self._own.end(prepared, path)
        parameters.refuse_unknown()
        closed = check.fails_closed or self._fails_on_error
        return HookCheck(
            registry.full_id(name),
            check,
            prepared,
            scope,
            fails if parameters.has("failOnError") else closed,
            fails,
            check.timeout if timeout is None else timeout / 1000,
            digest_of(write_json(values)).encode(),
        )

    def _scope(self, parameters: Parameters, check: Check) -> Scope:
        """The scope of a check: its own, else the hook's, else what such checks have by default."""
        hook = Parameters(self._members, self._path, self._problems)
        readers = (parameters, hook)
        of = next((each.choice("scope", SCOPES, "last") for each in readers if each.has("scope")), check.scope)
        choices = next((each.choice("choices", ("first", "all")) for each in readers if each.has("choices")), "all")
        askers = (hook,) if check.has_kinds else readers
        kinds = next((each.texts("kinds") for each in askers if each.has("kinds")), None)
        if kinds is None:
            return Scope(of, first_choice=choices == "first")
        known = {kind.value: kind for kind in SegmentKind}
        for kind in kinds:
            if kind not in known:
                parameters.complain("kinds", f"there is no kind '{kind[:40]}': there are {', '.join(known)}")
        chosen = {known[kind] for kind in kinds if kind in known}
        inputs = {SegmentKind.INPUT} if SegmentKind.TEXT in chosen else set()
        return Scope(of, frozenset(chosen | inputs), choices == "first")


def _unknown(name: str) -> str:
    full = registry.full_id(name)[:100]
    if registry.is_known(name):
        return f"the check {full} is known, but not available in this release"
    known = [check.id for check in registry.all_checks().values()]
    return f"there is no check {full}: {hint(full, known, 'docs/guardrails.md lists all checks')}"


def clash_of(checks: Sequence[HookCheck], *, alters: bool) -> str:
    """Why checks can't judge one text at the same time; empty where they can. ``alters``: their hook changes texts."""
    if sum(each.prepared.restores for each in checks) > 1:
        return "two checks of this guard restore what they mask"
    whole = [each.id for each in checks if each.check.replaces]
    parts = [each.id for each in checks if each.transforms and not each.check.replaces]
    if alters and whole and parts:
        return f"{whole[0]} may replace the whole body, and {parts[0]} changes texts of it"
    return ""
