"""The gateway for any ASGI server: ``uvicorn penstock.asgi:app``, ``granian --interface asgi penstock.asgi:app``.

Settings come from PENSTOCK_* variables and penstock.toml, as for ``penstock serve``.
"""

from __future__ import annotations

import os

from penstock.app.root import build
from penstock.server.asgi import keep_trailers_apart
from penstock.settings import catalogue_file, load, refuse_open, working_directory

_place = working_directory()
_settings = load({}, os.environ, _place)
app = build(_settings, catalogue_file({}, os.environ, _place))
keep_trailers_apart(loads=True)  # also where the server runs without ASGI's lifespan
refuse_open(_settings, is_guarded=app.is_guarded)
