"""The api-versions of the service and what each of them can do: one list for client and pool.

A version is a date. A newer one can do what an older one could, so capabilities follow from the
order. To support another version, add a member here; where a field of it differs, add a property
that says so, and let both ends ask that property.

Source: docs/service.md, "API generations".
"""

from __future__ import annotations

from enum import Enum
from functools import total_ordering


@total_ordering
class ApiVersion(Enum):
    """A published api-version, ordered by its date."""

    LEGACY = "2024-02-02-preview"
    LEGACY_LATER = "2024-08-02-preview"
    CURRENT = "2024-10-02-preview"
    SESSIONS = "2025-02-02-preview"
    NEWEST = "2025-10-02-preview"

    def __lt__(self, other: ApiVersion) -> bool:
        return self.value < other.value

    @classmethod
    def nearest(cls, version: str) -> ApiVersion:
        """Return the newest published version that is no later than `version`, else the oldest.

        A person may choose a version that is newer than this list: it is taken for what the
        newest one before it is.

        Args:
            version: a date, with or without `-preview` behind it.
        """
        date = version.removesuffix("-preview")
        known = [member for member in cls if member.value.removesuffix("-preview") <= date]
        return max(known, default=min(cls))

    @property
    def is_legacy(self) -> bool:
        """Whether bodies stand under `properties`, and code goes to `/code/execute`."""
        return self < ApiVersion.CURRENT

    @property
    def accepts_synchronous(self) -> bool:
        """Whether a synchronous execution is answered with 202, and no value is `""`."""
        return self is ApiVersion.CURRENT

    @property
    def has_sessions(self) -> bool:
        """Whether there are `/session`, `/listSessions` and `/metadata`."""
        return self >= ApiVersion.SESSIONS

    @property
    def limits_output(self) -> bool:
        """Whether an execution takes `outputStreamsMaxLength`."""
        return self >= ApiVersion.NEWEST

    @property
    def lists_recursively(self) -> bool:
        """Whether one listing can cover the folders inside too."""
        return self >= ApiVersion.NEWEST


#: What client, kernel and pool use unless a person says otherwise.
DEFAULT_VERSION = ApiVersion.NEWEST.value
