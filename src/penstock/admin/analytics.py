"""``/analytics``: graphs, groups and summaries of the request log, under the paths of both clients of Portkey's."""

from __future__ import annotations

from typing import Final

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, AdminRoute, Handler
from penstock.control.analytics import failures as analytics_failures
from penstock.control.analytics import graphs as analytics
from penstock.control.analytics import groups as analytics_groups
from penstock.control.analytics import guards as analytics_guards
from penstock.control.pages import page_of

_SCOPES: Final = ("analytics.view",)


def _graph(name: str) -> Handler:
    async def answer(call: AdminCall) -> Answer:
        return Answer(await analytics.graph(call.plane, call.actor, name, call.query))

    return answer


async def _group(call: AdminCall) -> Answer:
    page = page_of(call.query)
    return Answer(await analytics_groups.group(call.plane, call.actor, call.path["group"], call.query, page))


async def _by_member(call: AdminCall) -> Answer:
    page = page_of(call.query)
    return Answer(await analytics_groups.by_member(call.plane, call.actor, call.path["name"], call.query, page))


async def _guards(call: AdminCall) -> Answer:
    return Answer(await analytics_guards.denials(call.plane, call.actor, call.query))


async def _failures(call: AdminCall) -> Answer:
    return Answer(await analytics_failures.failures(call.plane, call.actor, call.query))


async def _summary(call: AdminCall) -> Answer:
    return Answer(await analytics.summary(call.plane, call.actor, call.path["summary"], call.query))


ROUTES: Final = (
    *(AdminRoute("GET", f"/analytics/graphs/{name}", _SCOPES, _graph(name)) for name in analytics.GRAPHS),
    *(
        AdminRoute("GET", f"/analytics/graphs/{alias}", _SCOPES, _graph(name))
        for alias, name in analytics.ALIASES.items()
    ),
    AdminRoute("GET", "/analytics/groups/metadata/{name}", _SCOPES, _by_member),
    AdminRoute("GET", "/analytics/guards", _SCOPES, _guards),
    AdminRoute("GET", "/analytics/failures", _SCOPES, _failures),
    AdminRoute("GET", "/analytics/groups/{group}", _SCOPES, _group),
    AdminRoute("GET", "/analytics/summary/{summary}", _SCOPES, _summary),
)
