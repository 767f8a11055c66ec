"""The guards of a config's target -> a ``GuardPlan``: both of Portkey's spellings, the headers' defaults, saved guards.

Nothing is left for run time: an unknown check, parameter or name refuses the config, with the path.
Source: docs/guardrails.md#configs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core.did_you_mean import hint
from penstock.core.json_text import read_json, write_json
from penstock.guards import stream_modes
from penstock.guards.base import Phase
from penstock.guards.check_reader import CheckMemory, CheckReader, OwnChecks, clash_of
from penstock.guards.parameters import Parameters
from penstock.guards.plan import Feedback, GuardPlan, Hook, HookCheck, HookMode, HookType, StreamMode
from penstock.routing.fields import Fields
from penstock.routing.memo import digest_of
from penstock.routing.problems import Problems, refuse
from penstock.routing.rules import HeaderSettings

KEYS: Final[Mapping[Phase, tuple[str, ...]]] = {
    Phase.BEFORE: ("before_request_hooks", "input_guardrails", "input_mutators"),
    Phase.AFTER: ("after_request_hooks", "output_guardrails", "output_mutators"),
}
"""The members of a config that hold guards, in the order of their results."""
HEADERS: Final[Mapping[Phase, str]] = {
    Phase.BEFORE: "x-portkey-default-input-guardrails",
    Phase.AFTER: "x-portkey-default-output-guardrails",
}
_PREFIXES: Final = {Phase.BEFORE: "input_guardrail", Phase.AFTER: "output_guardrail"}
_SWITCHES: Final = ("deny", "async", "sequential", "parallel", "soft_deny_200", "all_results")
_OWN: Final = frozenset(
    """
    id type deny async sequential on_fail on_success guardrail_version_id name credentials timeout stream window overlap
    hold_chars buffer_bytes first_wait_ms scope kinds choices checks is_enabled actions all_results mode sample parallel
    soft_deny_200
    """.split()
)
"""The members of a hook that name no check."""
_MOST_HOOKS: Final = 100
_MOST_CHECKS: Final = 200
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")
_COMMON: Final = frozenset({"failOnError", "credentials", "scope", "kinds", "choices", "timeout"})


class GuardPolicy(msgspec.Struct, frozen=True):
    """The operator's settings for guards (settings/guards.py). ``default_input`` and ``default_output`` are names
    of saved guardrails that hold for every request, ``workspace_input`` and ``workspace_output`` those that hold for
    every request of the caller's workspace."""

    default_input: tuple[str, ...] = ()
    default_output: tuple[str, ...] = ()
    fails_on_error: bool = False
    stream: StreamMode = StreamMode.AFTER
    is_stream_chosen: bool = False
    """Whether the operator chose ``stream``; else a hook that can hold text back holds it."""
    allows_inline: bool = True
    """Whether configs that come with requests may declare guards of their own."""
    workspace_input: tuple[str, ...] = ()
    workspace_output: tuple[str, ...] = ()

    def defaults(self, phase: Phase) -> list[tuple[str, list[str]]]:
        """The saved guardrails that hold whatever a config says, with the place that names them."""
        is_before = phase is Phase.BEFORE
        everywhere = self.default_input if is_before else self.default_output
        own = self.workspace_input if is_before else self.workspace_output
        sources = [("[guards] of penstock.toml", [*everywhere])]
        sources.append(("the workspace's defaults", [name for name in own if name not in everywhere]))
        return [(where, names) for where, names in sources if names]


class GuardCompiler:
    """Reads the guards of one config's targets (``routing.rules.GuardReader``). ``saved`` are the saved guardrails by
    name and id, as JSON; None where a config is judged that is not used yet: any name may be saved by then. Targets
    that inherit the same hooks share them. ``configs`` are the names and ids of the saved configs, None where they
    aren't known."""

    def __init__(
        self, saved: Mapping[str, bytes] | None, policy: GuardPolicy, configs: Collection[str] | None = None
    ) -> None:
        self._saved = saved
        self._configs = configs
        self._policy = policy
        self._hooks: dict[tuple[int, Phase], tuple[Any, tuple[Hook, ...]]] = {}
        self._plans: dict[tuple[int, ...], GuardPlan | None] = {}
        self._names: set[str] = set()
        self._named: dict[tuple[Phase, HookType, bytes], Hook] = {}
        self._own = OwnChecks()
        self._memory = CheckMemory()

    def guards(self, fields: Fields, headers: HeaderSettings) -> GuardPlan | None:
        """The guards of a target; None for a target without any."""
        written = tuple(id(fields.values.get(key)) for keys in KEYS.values() for key in keys)
        key = (*written, fields.values.get("passthrough") is True)
        if key not in self._plans:
            self._plans[key] = self._compiled(fields, headers)
        return self._plans[key]

    def _compiled(self, fields: Fields, headers: HeaderSettings) -> GuardPlan | None:
        problems = fields.budget.problems
        before = self._phase(Phase.BEFORE, fields, headers, problems)
        after = self._phase(Phase.AFTER, fields, headers, problems)
        if not before and not after:
            return None
        size = sum(_size(hook) for hook in (*before, *after))
        return GuardPlan(size, frozenset(self._names), before, after)

    def _phase(self, phase: Phase, fields: Fields, headers: HeaderSettings, problems: Problems) -> tuple[Hook, ...]:
        hooks: list[Hook] = []
        for key in KEYS[phase]:
            value = fields.values.get(key)
            # Portkey's target with ``passthrough`` is not guarded, save by what its request's headers demand.
            if value is None or fields.values.get("passthrough") is True:
                continue
            if not (self._policy.allows_inline or headers.is_saved):
                problems.add(refuse(fields.at(key), "the gateway's operator lets no request bring guards of its own"))
                continue
            hooks += self._array(phase, value, fields.at(key), _type_of(key), problems, counts=not headers.is_saved)
        header = HEADERS[phase]
        if header in headers.default_guards:
            own = headers.default_guards[header]
            hooks += self._array(phase, own, header, HookType.GUARDRAIL, problems, counts=True)
        for where, names in self._policy.defaults(phase):
            hooks += self._array(phase, names, where, HookType.GUARDRAIL, problems)
        return tuple(hooks)

    def _array(
        self, phase: Phase, value: Any, path: str, kind: HookType, problems: Problems, *, counts: bool = False
    ) -> tuple[Hook, ...]:
        """The hooks of one list, read once for all targets that inherit it. ``counts``: a request brings the list, so
        that its checks count against the most that a request may bring (``OwnChecks``)."""
        known = self._hooks.get((id(value), phase))
        if known is not None:
            return known[1]
        hooks: tuple[Hook, ...] = ()
        if not isinstance(value, list):
            problems.add(refuse(path, "it must be an array of guards"))
        elif len(value) > _MOST_HOOKS:
            problems.add(refuse(path, f"there are more than {_MOST_HOOKS}"))
        else:
            hooks = tuple(self._each(phase, value, path, kind, problems, self._own if counts else None))
        self._hooks[id(value), phase] = value, hooks
        return hooks

    def _each(
        self, phase: Phase, value: list[Any], path: str, kind: HookType, problems: Problems, own: OwnChecks | None
    ) -> Iterator[Hook]:
        for index, item in enumerate(value):
            with problems.collected():
                hook = self._hook(phase, item, f"{path}[{index}]", problems, own, kind, index)
                if hook.mode is not HookMode.OFF:
                    yield hook

    def _hook(
        self,
        phase: Phase,
        item: Any,
        path: str,
        problems: Problems,
        own: OwnChecks | None,
        kind: HookType,
        index: int,
    ) -> Hook:
        """One hook. A saved one that is named alike is prepared once, however often a config names it."""
        if not _is_named(item):
            return self._reader(phase, item, path, problems, own).hook(kind, index)
        key = phase, kind, write_json(item)
        if key not in self._named:
            if own is not None and not isinstance(item, str) and len(item) > 1:
                own.vary(path)
            self._named[key] = self._reader(phase, item, path, problems, own).hook(kind, index)
        return self._named[key]

    def _reader(self, phase: Phase, item: Any, path: str, problems: Problems, own: OwnChecks | None) -> _HookReader:
        is_saved = self._saved is None or isinstance(item, str)
        if isinstance(item, str):
            item = {**self._saved_hook(item, path), "id": item}
        if not isinstance(item, dict):
            raise refuse(path, "it must be an object, or the name of a saved guardrail")
        members = _own_members(item)
        if "checks" not in members and members.keys() <= _OWN:
            name = members.get("id")
            if not isinstance(name, str):
                raise refuse(path, "it names neither a check nor a saved guardrail")
            # With credentials of its own it is not only the operator's any more.
            is_saved = is_saved or "credentials" not in members
            members = {**self._saved_hook(name, path), **members}
        own = None if is_saved else own
        return _HookReader(
            phase, members, path, problems, self._policy, self._configs, self._memory, own, is_saved=is_saved
        )

    def _saved_hook(self, name: str, path: str) -> dict[str, Any]:
        if self._saved is None:
            return {"checks": []}
        raw = self._saved.get(name)
        if raw is None:
            way_out = hint(name, self._saved, "guardrails are saved in penstock.toml or by the admin API", quote="'")
            raise refuse(path, f"there is no saved guardrail '{name[:64]}': {way_out}")
        self._names.add(name)
        value = read_json(raw)
        members = _own_members(value) if isinstance(value, dict) else {}
        actions = members.pop("actions", None)
        return {**_own_members(actions), **members} if isinstance(actions, dict) else members


class _HookReader:
    """Reads one hook."""

    def __init__(
        self,
        phase: Phase,
        members: dict[str, Any],
        path: str,
        problems: Problems,
        policy: GuardPolicy,
        configs: Collection[str] | None,
        memory: CheckMemory,
        own: OwnChecks | None,
        *,
        is_saved: bool,
    ) -> None:
        self._phase = phase
        self._members = members
        self._path = path
        self._problems = problems
        self._policy = policy
        self._is_own = own is not None
        self._checker = CheckReader(
            phase,
            members,
            path,
            problems,
            configs,
            memory,
            own,
            is_saved=is_saved,
            fails_on_error=policy.fails_on_error,
        )

    def hook(self, kind: HookType, index: int) -> Hook:
        members, own = self._members, Parameters(self._members, self._path, self._problems)
        kind = HookType(own.choice("type", [each.value for each in HookType], kind.value))
        deny, is_async, sequential, parallel, soft_deny, all_results = (own.switch(name) for name in _SWITCHES)
        checks = tuple(self._checks())
        if len(checks) > _MOST_CHECKS:
            own.complain("checks", f"there are more than {_MOST_CHECKS}")
        mode = HookMode(own.choice("mode", [each.value for each in HookMode], HookMode.ENFORCE.value))
        alters = mode is not HookMode.SHADOW and stream_modes.alters(kind, checks)
        if deny and any(each.check.only_marks for each in checks):
            own.complain("deny", "a check of this guard only marks: what it finds proves nothing")
        if not (sequential or kind is HookType.MUTATOR) and (clash := clash_of(checks, alters=alters)):
            own.complain("sequential", f"{clash}: they need sequential")
        if is_async and alters:
            own.complain("async", "a check of this guard changes the text, but an async guard changes nothing")
        if soft_deny and not deny:
            own.complain("soft_deny_200", "it says how a denial is told: it needs deny")
        if parallel:
            self._refuse_parallel(own, alters=alters, is_async=is_async)
        timeout = own.number("timeout", least=1)
        return Hook(
            id=own.text("id") or f"{_PREFIXES[self._phase]}_{index:03d}",
            type=kind,
            phase=self._phase,
            checks=checks,
            deny=deny,
            is_async=is_async,
            sequential=sequential,
            on_success=self._feedback("on_success"),
            on_fail=self._feedback("on_fail"),
            stream=self._stream(own, checks, alters=alters),
            timeout=None if timeout is None else timeout / 1000,
            window=int(own.number("window", 1000, least=1) or 0),
            overlap=int(own.number("overlap", 200, least=0) or 0),
            hold_chars=int(own.number("hold_chars", 4096, least=1) or 0),
            buffer_bytes=int(own.number("buffer_bytes", 256 << 10, least=1) or 0),
            first_wait=(own.number("first_wait_ms", 2000, least=0) or 0) / 1000,
            name=own.text("name"),
            mode=mode,
            parallel=parallel,
            soft_deny=soft_deny,
            all_results=all_results,
            is_own=self._is_own,
            sample=_sample(own, looks_on=is_async or mode is HookMode.SHADOW),
            fingerprint=digest_of(write_json(members)).encode(),
        )

    def _refuse_parallel(self, own: Parameters, *, alters: bool, is_async: bool) -> None:
        """What keeps a hook from judging a request while its provider works."""
        if self._phase is Phase.AFTER:
            own.complain("parallel", "only guards of requests judge in parallel with the model")
        elif alters:
            own.complain("parallel", "a check of this guard changes the text, which the model has already by then")
        elif is_async:
            own.complain("parallel", "an async guard judges beside the request anyway, and never denies")

    def _stream(self, own: Parameters, checks: tuple[HookCheck, ...], *, alters: bool) -> StreamMode:
        """The stream mode: the hook's, else the operator's, else holding back where that finds all. A hook that changes
        texts has a mode in which the caller gets the changed text: any other one is refused, or not chosen."""
        if self._phase is Phase.BEFORE or self._members.get("mode") == HookMode.SHADOW.value:
            return StreamMode.AFTER
        problems = stream_modes.mode_problems(checks, is_altering=alters)
        if own.has("stream"):
            mode = StreamMode(own.choice("stream", [each.value for each in StreamMode], StreamMode.AFTER.value))
            if mode in problems:
                own.complain("stream", problems[mode])
            return mode
        if self._policy.is_stream_chosen and self._policy.stream not in problems:
            return self._policy.stream
        decides = alters or self._members.get("deny") is True
        if decides and StreamMode.HOLD not in problems:
            return StreamMode.HOLD
        return StreamMode.AFTER if StreamMode.AFTER not in problems else StreamMode.BUFFER

    def _feedback(self, name: str) -> Feedback | None:
        value = self._members.get(name)
        if value is None:
            return None
        path = f"{self._path}.{name}"
        if not isinstance(value, dict):
            self._problems.add(refuse(path, "it must be an object with feedback"))
            return None
        if "deny" in value:
            self._problems.add(refuse(f"{path}.deny", "it has no effect here: move it up, beside on_fail"))
        feedback = value.get("feedback")
        if not isinstance(feedback, dict):
            return None
        own = Parameters(feedback, f"{path}.feedback", self._problems)
        metadata = feedback.get("metadata")
        return Feedback(own.number("value"), own.number("weight"), dict(metadata) if isinstance(metadata, dict) else {})

    def _checks(self) -> Iterator[HookCheck]:
        listed = self._members.get("checks")
        if listed is not None and not isinstance(listed, list):
            self._problems.add(refuse(f"{self._path}.checks", "it must be an array"))
        for index, item in enumerate(listed if isinstance(listed, list) else ()):
            path = f"{self._path}.checks[{index}]"
            with self._problems.collected():
                if not isinstance(item, dict) or not isinstance(item.get("id"), str):
                    raise refuse(path, "it must be an object with the id of a check")
                enabled = item.get("is_enabled", item.get("isEnabled"))
                parameters = item.get("parameters")
                check = self._checker.check(
                    item["id"], {} if parameters is None else parameters, f"{path}.parameters", path
                )
                if self._is_on(enabled, path):
                    yield check
        for key, value in self._members.items():
            if key in _OWN:
                continue
            path = f"{self._path}.{key}"
            with self._problems.collected():
                if not isinstance(value, dict):
                    raise refuse(path, "it must be an object: the parameters of a check")
                parameters = dict(value)
                name = parameters.pop("id", None) or key
                enabled = parameters.pop("is_enabled", parameters.pop("isEnabled", None))
                check = self._checker.check(str(name), parameters, path, path)
                if self._is_on(enabled, path):
                    yield check

    def _is_on(self, enabled: Any, path: str) -> bool:
        if enabled is None or isinstance(enabled, bool):
            return enabled is not False
        raise refuse(f"{path}.is_enabled", "it must be true or false")


def _is_named(item: Any) -> bool:
    """Whether a guard is a saved one, named alone or with members that change it."""
    if isinstance(item, str):
        return True
    return isinstance(item, dict) and isinstance(item.get("id"), str) and _own_members(item).keys() <= _OWN - {"checks"}


def _own_members(values: Mapping[str, Any]) -> dict[str, Any]:
    """A hook's own members in snake_case; the names of checks as they are."""
    members: dict[str, Any] = {}
    for key, value in values.items():
        name = _CAMEL.sub(lambda match: "_" + match[1].lower(), key)
        members[name if name in _OWN else key] = value
    return members


def _sample(own: Parameters, *, looks_on: bool) -> float:
    sample = own.number("sample", 1.0, least=0)
    if own.has("sample") and not looks_on:
        own.complain("sample", "only a guard that looks on judges a share of requests: set mode to shadow")
    elif sample is not None and sample > 1:
        own.complain("sample", "it must be from 0 to 1")
    return 1.0 if sample is None else sample


def _type_of(key: str) -> HookType:
    return HookType.MUTATOR if key.endswith("_mutators") else HookType.GUARDRAIL


def _size(hook: Hook) -> int:
    return 1000 + sum(1000 + each.prepared.size for each in hook.checks)
