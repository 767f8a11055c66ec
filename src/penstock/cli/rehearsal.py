"""The gateway of this machine's settings, to be asked what it would do: no port, no network, no gateway key."""

from __future__ import annotations

import os
from typing import Any

import click
import msgspec

from penstock.app.root import build
from penstock.cli.serve import read_settings
from penstock.core.failure import Failure
from penstock.core.operation import Operation
from penstock.guards.base import Judgement, could_not
from penstock.guards.plan import HookCheck
from penstock.observe.record import Records
from penstock.pipeline.account import Account
from penstock.pipeline.call import Call
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.pipeline.explain import explain
from penstock.pipeline.metadata import METADATA
from penstock.pipeline.target_route import TargetRoute
from penstock.routing.explain import Explanation
from penstock.routing.plan import Target
from penstock.server.surfaces import DEFAULT_DIALECT
from penstock.settings import SettingsError, catalogue_file, working_directory
from penstock.stores.memory import MemoryCatalogue

_CREDENTIAL = b"Bearer a-key-of-the-callers"


class Ask(msgspec.Struct, frozen=True):
    """One request to rehearse: a config, and what else the request says. ``request`` is None for any body."""

    config: bytes
    provider: str | None = None
    request: bytes | None = None
    metadata: dict[str, Any] | None = None
    path: str = "/v1/chat/completions"
    faults: str = ""
    seed: int | None = None
    answer: bytes | str | None = None
    verdicts: dict[str, bool | str] = {}
    """What checks say that ask other servers, by id: a verdict, or the text of an error."""


class Rehearsal:
    """``configs`` are the saved ones, by name. The constructor takes a file with settings and raises SettingsError."""

    def __init__(self, file: str | None = None) -> None:
        flags = {"config": file}
        place = working_directory()
        gateway = build(read_settings(flags, place).without_database(), catalogue_file(flags, os.environ, place))
        self._router = gateway.pipeline.router
        self._compiler = self._router.compiler
        catalogue = self._compiler.catalogues.current
        # Gateway keys are known by their hashes only: nobody here could show one.
        self._compiler.catalogues = MemoryCatalogue(msgspec.structs.replace(catalogue, keys=(), is_guarded=False))
        self.configs = {saved.name: saved.body for saved in catalogue.configs.values()}

    @classmethod
    def here(cls) -> Rehearsal:
        """By the settings that ``penstock serve`` would have in this folder. Raises ClickException."""
        try:
            return cls()
        except SettingsError as error:
            raise click.ClickException(str(error)) from None

    def compiled(self, config: bytes, provider: str | None = None) -> CompiledPlan | Failure:
        """The plan for a config in a request whose caller brings a credential, and may name a provider."""
        return self._compiler.compile(_call(Ask(config, provider)))

    def route(self, compiled: CompiledPlan, target: Target) -> TargetRoute | Failure:
        return self._compiler.route(compiled, target, Operation.CHAT)

    def explain(self, ask: Ask) -> Explanation | Failure:
        """What the request would lead to."""
        call = _call(ask)
        if ask.request is not None:
            request = call.dialect.reading.body(ask.request)
            if isinstance(request, Failure):
                return request
            call.request = request

        def stub(check: HookCheck) -> Judgement | None:
            verdict = ask.verdicts.get(check.id, ask.verdicts.get(check.check.id))
            return could_not(verdict) if isinstance(verdict, str) else None if verdict is None else Judgement(verdict)

        return explain(self._router, call, ask.faults, ask.seed, ask.answer, stub)


def _call(ask: Ask) -> Call:
    headers = [(b"x-portkey-config", ask.config), (b"authorization", _CREDENTIAL)]
    if ask.provider is not None:
        headers.append((b"x-portkey-provider", ask.provider.encode()))
    if ask.metadata is not None:
        headers.append((METADATA, msgspec.json.encode(ask.metadata)))
    account = Account(Records(), "POST", ask.path)
    return Call(Operation.CHAT, DEFAULT_DIALECT, headers, dict(headers), b"", b"", account, ask.path)
