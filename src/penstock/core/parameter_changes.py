"""How a target's requests differ from the caller's: parameters by name, in the caller's own wire."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from penstock.core.body import Body
from penstock.core.json_path import Path, without_paths


class ParameterChanges(msgspec.Struct, frozen=True):
    """A config's ``default_params``, ``override_params`` and ``drop_params``. Values are JSON bytes.

    Defaults fill gaps and overrides replace before the host's own quirks are applied; ``removes`` are taken out last.
    """

    defaults: Mapping[str, bytes] = {}
    overrides: Mapping[str, bytes] = {}
    removes: tuple[Path, ...] = ()

    @property
    def fills(self) -> bool:
        """Whether there are defaults or overrides."""
        return bool(self.defaults or self.overrides)

    def filled(self, body: Body) -> Body:
        """The body with defaults and overrides."""
        gaps = {name: raw for name, raw in self.defaults.items() if body.is_null(name)}
        return body.replaced({**gaps, **self.overrides}) if gaps or self.overrides else body

    def removed(self, body: Body) -> Body:
        """The body without what the config takes out."""
        return without_paths(body, self.removes) if self.removes else body


NO_CHANGES = ParameterChanges()
