"""What requests with the same head have in common. SDKs send the same head again and again, but for content-length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.pipeline.authenticate import Caller
from penstock.stores.catalogue import Catalogue

if TYPE_CHECKING:
    from penstock.dialects.dialect import WriteContext
    from penstock.pipeline.compiled_plan import CompiledPlan
    from penstock.pipeline.target_route import RequestTemplate


class HeadMemo:
    """What a head has come to, for further requests with this head. It belongs to one connection.

    ``head`` is what the edge has read from it (``RequestHead``). ``caller`` and ``compiled`` also depend
    on the catalogue: they are used only while ``catalogue`` is the current one. ``compiled`` is the plan of requests
    whose model names no provider and is no alias, ``named_in`` the part of such a request that names its target.
    ``repeats`` is what the head tells of requests that are remembered whole (repeated_call.py); None where none is.
    ``asked`` is what its header fields ask of a request template: the template, the context and the header block with
    them (prepare.py). ``address`` are the members that its path says (``Call.addressed``). ``is_long``: it brings what
    is compiled in a thread where a body names another target (``Compiler.is_long``); known with a plan.
    """

    __slots__ = ("address", "asked", "caller", "catalogue", "compiled", "head", "is_long", "named_in", "repeats")

    def __init__(self) -> None:
        self.head: Any = None
        self.catalogue: Catalogue | None = None
        self.caller: Caller | None = None
        self.compiled: CompiledPlan | None = None
        self.named_in = ""
        self.is_long = False
        self.repeats: tuple[object, ...] | None = None
        self.asked: tuple[RequestTemplate, WriteContext, bytes] | None = None
        self.address: tuple[str, dict[str, bytes]] | None = None

    def keep_caller(self, caller: Caller, catalogue: Catalogue) -> None:
        """Remember a caller who was authenticated with this catalogue; what another catalogue said is forgotten."""
        self.catalogue, self.caller, self.compiled = catalogue, caller, None
        self.repeats = self.asked = None

    def keep_plan(self, compiled: CompiledPlan, named_in: str, catalogue: Catalogue) -> None:
        """Remember the plan, if the caller was authenticated with the same catalogue."""
        if self.catalogue is catalogue:
            self.compiled, self.named_in = compiled, named_in
