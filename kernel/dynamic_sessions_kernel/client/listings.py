"""Where the entries of a recursive listing are: below the top, or below the folder listed.

The specification's example gives an entry's `directory` relative to the folder that was listed,
newer images relative to the top of `/mnt/data` (docs/service.md, "Files"). In a listing of `a` the
directory `a` is then either `a` itself or `a/a`, and only a look there can decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .models import RemoteFile


class Reading(NamedTuple):
    """An entry of a listing, and where it may be.

    Attributes:
        from_folder: the entry, if its directory counts from the folder that was listed, or says
            nothing else.
        from_top: the entry, if its directory counts from the top; None where it cannot.
    """

    from_folder: RemoteFile
    from_top: RemoteFile | None = None


def place(readings: Sequence[Reading], is_there: Callable[[RemoteFile], bool]) -> list[RemoteFile]:
    """Return the entries where they are.

    All directories of one listing count from the same place. Where one of them cannot count from
    the top, a look confirms that none does. Otherwise the shallowest entry decides: if it is not
    where it would be from the top, none counts from there. And if directories counted from the
    folder, an entry in that very place would itself be listed, with a directory that is shorter.

    Args:
        readings: of all pages of one listing.
        is_there: looks into the session whether there is such an entry.
    """
    doubtful = [reading.from_top for reading in readings if reading.from_top is not None]
    if not doubtful:
        return [reading.from_folder for reading in readings]
    shallowest = min(doubtful, key=lambda file: file.directory.count("/"))
    if len(doubtful) < len(readings):
        (below,) = (read.from_folder for read in readings if read.from_top is shallowest)
        from_top = not is_there(below)
    else:
        from_top = is_there(shallowest)
    return [
        reading.from_top if from_top and reading.from_top is not None else reading.from_folder
        for reading in readings
    ]
