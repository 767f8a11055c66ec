"""The composition root: the only file that names concrete transports, policies and logs."""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Mapping

from penstock.core.address import AddressPolicy
from penstock.core.http import Limits
from penstock.core.secret import Secret
from penstock.observe.access_log import AccessLog
from penstock.observe.record import Records
from penstock.pipeline.configure import Configure
from penstock.pipeline.run import Pipeline
from penstock.providers.registry import PROVIDERS
from penstock.server.gateway import Bounds, Gateway, Part
from penstock.settings import Settings
from penstock.transport.base import Transport
