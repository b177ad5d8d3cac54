"""The commands there are: one place, so that finding, help and completion agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .session import Session
from .upload import Upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .base import Action

#: Each command's name, without the percent sign, to what it does.
ACTIONS: Mapping[str, type[Action]] = {action.name: action for action in (Upload, Session)}
