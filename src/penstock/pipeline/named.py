"""What a request named that no attempt tells: the provider and the model of a request that was refused before, for its
record (pipeline/account.py). Nothing here is called for a request that a provider has answered."""

from __future__ import annotations

from typing import Final

from penstock.core.failure import Failure
from penstock.pipeline.account import NOTHING_NAMED, Named
from penstock.pipeline.call import Call
from penstock.pipeline.choice import Names
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.routing.plan import leaves

_LONGEST: Final = 128
"""Characters of a model's name that are kept: a caller chose it, and nobody has answered for it."""
_PROVIDER: Final = b"x-portkey-provider"


def named(call: Call, compiled: CompiledPlan | Failure, names: Names) -> Named:
    """The model as the request names it, and the provider: the only one of its plan or, without a plan, the one in its
    header or path, if there is such a provider. Nothing where the last attempt has a model."""
    attempts = call.account.attempts
    if attempts and attempts[-1].model:
        return NOTHING_NAMED
    model = None if call.request is None else call.request.model
    return Named(_provider(call, compiled, names), model[:_LONGEST] if model else None)


def _provider(call: Call, compiled: CompiledPlan | Failure, names: Names) -> str | None:
    if isinstance(compiled, CompiledPlan):
        providers = {target.provider for target in leaves(compiled.plan)}
        return providers.pop() if len(providers) == 1 else None
    header = call.fields.get(_PROVIDER, b"").decode("utf-8", "replace").strip().lower()
    name = (header or call.path_name or "").removeprefix("@")
    return names.aliases.get(name, name) if names.has_provider(name) else None
