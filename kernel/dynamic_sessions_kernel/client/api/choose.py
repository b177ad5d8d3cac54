"""Which generation of the API speaks an api-version: the one place that knows them all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.api_versions import DEFAULT_VERSION, ApiVersion
from dynamic_sessions_kernel.errors import SettingsError

from .current import Current
from .legacy import Legacy

if TYPE_CHECKING:
    from .base import Generation


def choose_generation(api_version: str) -> Generation:
    """Return the generation that speaks `api_version`.

    Raises:
        SettingsError: it is no api-version.
    """
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(-preview)?", api_version, re.ASCII):
        raise SettingsError(
            "The setting `api_version` (DYNAMIC_SESSIONS_API_VERSION) is a date such as "
            f"{DEFAULT_VERSION}."
        )
    generation = Legacy if ApiVersion.nearest(api_version).is_legacy else Current
    return generation(api_version)
