"""Paths of Portkey's admin API that this release does not serve: each says so, and names the nearest thing that works.

They are answered with 501 and never sent to a provider. A row goes when its resource is built.
Source: docs/control-plane.md#not-served.
"""

from __future__ import annotations

from typing import Final

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, AdminRoute, Handler
from penstock.control.refusal import not_supported

_LATER: Final = "is planned for a later release"
_NEVER: Final = "is not part of this gateway"
_RESOURCES: Final[dict[str, str]] = {
    "/prompts": f"Prompts on the server: this {_LATER}. Send the messages with the request.",
    "/labels": f"Labels of prompts: this {_LATER}.",
    "/collections": f"Collections of prompts: this {_LATER}.",
    "/secret-references": f"Secret references: this {_LATER}. Put the secret into an integration, which encrypts it.",
    "/mcp-integrations": f"MCP: this {_LATER}.",
    "/mcp-servers": f"MCP: this {_LATER}.",
    "/penstock": f"This call of the gateway's own {_LATER}.",
    "/scim": f"SCIM {_NEVER}.",
    "/agents": f"Agents: this {_NEVER}.",
    "/v1": "The path holds /v1 twice: the base URL ends with /v1 already. Generations are no call of this gateway; "
    "stored prompts come in a later release.",
}
_WRITES: Final[tuple[tuple[str, str, str], ...]] = (
    *(
        (method, f"/admin/workspaces/{{workspace_id}}/users{path}", f"Members of a workspace: this {_LATER}.")
        for path, methods in (("", ("GET", "POST")), ("/{user_id}", ("GET", "PUT", "DELETE")))
        for method in methods
    ),
    ("PUT", "/admin/users/{user_id}", f"Changes of a user: this {_LATER}, with logging in."),
    ("DELETE", "/admin/users/{user_id}", f"Deleting a user: this {_LATER}, with logging in."),
    *(
        (method, f"/admin/users/invites{path}", f"Invites: this {_LATER}, with logging in.")
        for path, methods in (
            ("", ("GET", "POST")),
            ("/{invite_id}", ("GET", "PUT", "DELETE")),
            ("/{invite_id}/resend", ("POST",)),
        )
        for method in methods
    ),
)
_GENERAL: Final = f"Facts of models: this {_LATER}. GET /v1/model-configs/pricing/PROVIDER/MODEL has what they cost."
_METHODS: Final = ("GET", "POST", "PUT", "DELETE", "PATCH")


def _saying(text: str) -> Handler:
    async def refuse(_: AdminCall) -> Answer:
        raise not_supported(text)

    return refuse


def _below(path: str) -> tuple[str, str]:
    """A path, and everything below it."""
    return path, f"{path}/{{rest:path}}"


ROUTES: Final = (
    *(
        AdminRoute(method, each, (), _saying(text))
        for path, text in _RESOURCES.items()
        for each in _below(path)
        for method in _METHODS
    ),
    *(AdminRoute(method, path, (), _saying(text)) for method, path, text in _WRITES),
    AdminRoute("GET", "/model-configs/general/{rest:path}", (), _saying(_GENERAL)),
)
