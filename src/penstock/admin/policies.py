"""``/policies/usage-limits`` and ``/policies/rate-limits``: limits for the requests that meet conditions."""

from __future__ import annotations

from typing import Final

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, AdminRoute
from penstock.control import policy_calls
from penstock.control.pages import page_of
from penstock.control.policies import PolicyKind


class _Handlers:
    """The handlers of one kind of policies."""

    def __init__(self, kind: PolicyKind) -> None:
        self._kind: PolicyKind = kind

    async def create(self, call: AdminCall) -> Answer:
        return Answer(await policy_calls.create(call.plane, call.actor, self._kind, call.body))

    async def list(self, call: AdminCall) -> Answer:
        page = page_of(call.query)
        return Answer(await policy_calls.list_all(call.plane, call.actor, self._kind, call.query, page))

    async def read(self, call: AdminCall) -> Answer:
        id_ = call.path["policy_id"]
        return Answer(await policy_calls.read(call.plane, call.actor, self._kind, id_, call.query))

    async def update(self, call: AdminCall) -> Answer:
        id_ = call.path["policy_id"]
        return Answer(await policy_calls.update(call.plane, call.actor, self._kind, id_, call.body))

    async def archive(self, call: AdminCall) -> Answer:
        return Answer(await policy_calls.archive(call.plane, call.actor, self._kind, call.path["policy_id"]))

    def routes(self, path: str) -> tuple[AdminRoute, ...]:
        one = f"{path}/{{policy_id}}"
        return (
            AdminRoute("POST", path, ("policies.create",), self.create),
            AdminRoute("GET", path, ("policies.list",), self.list),
            AdminRoute("GET", one, ("policies.read",), self.read),
            AdminRoute("PUT", one, ("policies.update",), self.update),
            AdminRoute("DELETE", one, ("policies.delete",), self.archive),
        )


async def _entities(call: AdminCall) -> Answer:
    id_, page = call.path["policy_id"], page_of(call.query)
    return Answer(await policy_calls.list_entities(call.plane, call.actor, id_, call.query, page))


async def _reset(call: AdminCall) -> Answer:
    path = call.path
    return Answer(await policy_calls.reset(call.plane, call.actor, path["policy_id"], path["entity_id"]))


_USAGE: Final = "/policies/usage-limits"
ROUTES: Final = (
    *_Handlers("usage").routes(_USAGE),
    AdminRoute("GET", f"{_USAGE}/{{policy_id}}/entities", ("policies.read",), _entities),
    AdminRoute("PUT", f"{_USAGE}/{{policy_id}}/entities/{{entity_id}}/reset", ("policies.update",), _reset),
    *_Handlers("rate").routes("/policies/rate-limits"),
)
