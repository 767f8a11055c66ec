"""The settings of guards: a section of penstock.toml (settings/model.py). Saved guardrails are [guardrails.NAME]."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from penstock.settings.kinds import Switch

_Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Guards(Struct, frozen=True):
    """Guardrails: docs/guardrails.md."""

    default_input: Annotated[
        tuple[_Name, ...],
        Meta(
            title="a list of names",
            description="Saved guardrails that judge every request, whatever its config says.",
            examples=[["pii"]],
            extra={"listed": True},
        ),
    ] = ()
    default_output: Annotated[
        tuple[_Name, ...],
        Meta(
            title="a list of names",
            description="Saved guardrails that judge every answer.",
            examples=[["pii"]],
            extra={"listed": True},
        ),
    ] = ()
    on_error: Annotated[
        Literal["pass", "fail"],
        Meta(
            title="one of pass, fail",
            description="What a check counts as that can't judge, unless its parameters say `failOnError`. Checks of "
            "identity and permission always fail.",
        ),
    ] = "pass"
    stream: Annotated[
        Literal["", "after", "hold", "window", "buffer"],
        Meta(
            title="one of after, hold, window, buffer, or empty",
            description="How streams are judged by guards that don't say. Empty: text waits where a guard that denies "
            "or changes can hold it back exactly; else the answer is judged at its end.",
        ),
    ] = ""
    excerpts: Annotated[
        Literal["own", "always", "never"],
        Meta(
            title="one of own, always, never",
            description="Whether results quote what was judged: `own` quotes no answer that is withheld.",
        ),
    ] = "own"
    reason_in_message: Annotated[
        Switch, Meta(description="Name the guards and checks that deny in the message of status 446.")
    ] = False
    unguarded: Annotated[
        Literal["pass", "refuse"],
        Meta(
            title="one of pass, refuse",
            description="What becomes of requests whose texts no guard can read, where a guard would deny.",
        ),
    ] = "pass"
    check_endpoint: Annotated[
        Switch,
        Meta(
            description="Answer single checks at `/penstock/guards/check`, for callers on this machine: for suites of "
            "tests."
        ),
    ] = False
    allow_from_requests: Annotated[
        Switch, Meta(description="Let configs that come with requests declare guards of their own.")
    ] = True
