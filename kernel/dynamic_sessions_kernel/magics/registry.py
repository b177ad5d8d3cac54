"""The commands there are: one place, so that finding, help and completion agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .download import Download
from .files import Files
from .packages import Packages
from .session import SessionMagic
from .upload import Upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .base import Magic

#: Each command's name, without the percent sign, to what it does.
MAGICS: Mapping[str, type[Magic]] = {
    action.name: action for action in (Upload, Download, Files, Packages, SessionMagic)
}
