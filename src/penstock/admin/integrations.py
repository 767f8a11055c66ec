"""``/integrations``: credentials at providers, their models, the workspaces that may use them."""

from __future__ import annotations

from typing import Final

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, AdminRoute
from penstock.control.integrations import integrations
from penstock.control.integrations import models as integration_models
from penstock.control.integrations import workspaces as integration_workspaces
from penstock.control.members import VALUE, Fields, Members
from penstock.control.pages import page_of
from penstock.control.refusal import Problem, invalid

_CREATE: Final = ("organisation_integrations.create", "workspace_integrations.create")
_LIST: Final = ("organisation_integrations.list", "workspace_integrations.list")
_READ: Final = ("organisation_integrations.read", "workspace_integrations.read")
_UPDATE: Final = ("organisation_integrations.update", "workspace_integrations.update")
_DELETE: Final = ("organisation_integrations.delete", "workspace_integrations.delete")
_PATH: Final = "/integrations/{slug}"
_NAMED: Final = Fields(models=VALUE)


async def _create(call: AdminCall) -> Answer:
    return Answer(await integrations.create(call.plane, call.actor, call.body))


async def _list(call: AdminCall) -> Answer:
    type_ = call.query.get("type")
    if type_ not in {None, *integrations.TYPES}:
        raise invalid([Problem("/type", f"expected one of {', '.join(integrations.TYPES)}")])
    workspace = call.query.get("workspace_id")
    return Answer(await integrations.list_(call.plane, call.actor, page_of(call.query), workspace, type_))


async def _read(call: AdminCall) -> Answer:
    return Answer(await integrations.read(call.plane, call.actor, call.path["slug"]))


async def _update(call: AdminCall) -> Answer:
    return Answer(await integrations.update(call.plane, call.actor, call.path["slug"], call.body))


async def _delete(call: AdminCall) -> Answer:
    await integrations.delete(call.plane, call.actor, call.path["slug"], is_forced=call.is_forced)
    return Answer({})


async def _list_models(call: AdminCall) -> Answer:
    return Answer(await integration_models.list_(call.plane, call.actor, call.path["slug"]))


async def _update_models(call: AdminCall) -> Answer:
    await integration_models.update(call.plane, call.actor, call.path["slug"], call.body)
    return Answer({})


async def _delete_models(call: AdminCall) -> Answer:
    slugs = [slug.strip() for slug in call.query.get("slugs", "").split(",") if slug.strip()]
    # Portkey's SDKs name them in the query, its Terraform provider in the body.
    members = Members(call.body, _NAMED)
    named = members.texts("models") or ()
    members.finish()
    await integration_models.delete(call.plane, call.actor, call.path["slug"], [*slugs, *named])
    return Answer({})


async def _list_workspaces(call: AdminCall) -> Answer:
    has_arrays = not _is_python_client(call)
    reference = call.path["slug"]
    return Answer(await integration_workspaces.list_(call.plane, call.actor, reference, has_arrays=has_arrays))


async def _update_workspaces(call: AdminCall) -> Answer:
    warnings = await integration_workspaces.update(call.plane, call.actor, call.path["slug"], call.body)
    return Answer({"warnings": warnings} if warnings else {})


def _is_python_client(call: AdminCall) -> bool:
    """Whether Portkey's Python client calls, which takes limits here as an object or null, and fails at an array."""
    package = call.headers.get("x-portkey-package-version", "")
    return package.startswith("portkey-") and call.headers.get("x-portkey-runtime", "") == "CPython"


ROUTES: Final = (
    AdminRoute("POST", "/integrations", _CREATE, _create),
    AdminRoute("GET", "/integrations", _LIST, _list),
    AdminRoute("GET", _PATH, _READ, _read),
    AdminRoute("PUT", _PATH, _UPDATE, _update),
    AdminRoute("DELETE", _PATH, _DELETE, _delete),
    AdminRoute("GET", f"{_PATH}/models", _READ, _list_models),
    AdminRoute("PUT", f"{_PATH}/models", _UPDATE, _update_models),
    AdminRoute("DELETE", f"{_PATH}/models", _UPDATE, _delete_models),
    AdminRoute("GET", f"{_PATH}/workspaces", _READ, _list_workspaces),
    AdminRoute("PUT", f"{_PATH}/workspaces", _UPDATE, _update_workspaces),
)
