"""Which paths belong to the admin API."""

import pytest

from penstock.admin.prefixes import is_admin_path
from penstock.admin.routes import ROUTES
from penstock.server.surfaces import SURFACES


@pytest.mark.parametrize("path", sorted({route.path for route in ROUTES}))
def test_every_route_lies_there(path: str) -> None:
    assert is_admin_path(f"/v1{path}")


@pytest.mark.parametrize(
    "path", [*SURFACES.paths, "/v1/files", "/v1", "/v1/", "/", "/configs", "/v2/configs", "/v1/configsx"]
)
def test_others_do_not(path: str) -> None:
    assert not is_admin_path(path)
