"""How a target's requests differ from the caller's: parameters by name, in the caller's own wire."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from penstock.core.body import Body
from penstock.core.json_path import Path, without_paths
from penstock.core.json_text import write_json


class ParameterChanges(msgspec.Struct, frozen=True):
    """A config's ``default_params``, ``override_params`` and ``drop_params``. Values are JSON bytes.

    Defaults fill gaps and overrides replace before the host's own quirks are applied; ``removes`` are taken out last.
    ``model_prefix`` is taken from the beginning of the caller's model, unless an override replaces the model.
    """

    defaults: Mapping[str, bytes] = {}
    overrides: Mapping[str, bytes] = {}
    removes: tuple[Path, ...] = ()
    model_prefix: str = ""

    @property
    def fills(self) -> bool:
        """Whether there are defaults, overrides or a prefix of models."""
        return bool(self.defaults or self.overrides or self.model_prefix)

    def filled(self, body: Body) -> Body:
        """The body with defaults and overrides."""
        changed = {name: raw for name, raw in self.defaults.items() if body.is_null(name)}
        model = body.text("model") if self.model_prefix else None
        if model is not None and len(self.model_prefix) < len(model) and model.startswith(self.model_prefix):
            changed["model"] = write_json(model.removeprefix(self.model_prefix))
        changed.update(self.overrides)
        return body.replaced(changed) if changed else body

    def removed(self, body: Body) -> Body:
        """The body without what the config takes out."""
        return without_paths(body, self.removes) if self.removes else body


NO_CHANGES = ParameterChanges()
