"""Which names of files the service takes, and how a path is taken apart."""

from __future__ import annotations

import re

from dynamic_sessions_kernel.localpool.errors import bad_name, bad_path

#: Where the service puts every file (docs/service.md, "Files").
DATA_FOLDER = "/mnt/data"
#: How deep folders may be nested below it.
MAX_LEVELS = 5
_LONGEST_BYTES = 255  # bytes, of Linux's file systems

# Letters and digits of any script, and the punctuation that the service's own message lists.
_NAME = re.compile(r"[\w \-.@$&=;,#%^()]+")
_ONLY_DOTS = {".", ".."}


def file_name(name: str) -> str:
    """Return the name of a file if the service takes it.

    Raises:
        Refusal: 400 `FileNameInvalid`.
    """
    if not _NAME.fullmatch(name) or name in _ONLY_DOTS or len(name.encode()) > _LONGEST_BYTES:
        raise bad_name(
            "The file name is invalid: it can hold letters, digits, spaces and - _ . @ $ & = ; , "
            "# % ^ ( ) only."
        )
    return name


def folder_parts(path: str) -> tuple[str, ...]:
    """Return the folders of a path relative to `/mnt/data`; none for `/mnt/data` itself.

    Args:
        path: relative, or absolute and below `/mnt/data`; a slash at either end is left out.

    Raises:
        Refusal: 400 `FilePathInvalid`.
    """
    if path == DATA_FOLDER or path.startswith(f"{DATA_FOLDER}/"):
        path = path.removeprefix(DATA_FOLDER)
    path = path.strip("/")
    parts = tuple(path.split("/")) if path else ()
    for part in parts:
        # The rule for names, and no dot: that keeps `.` and `..` out as well.
        if not _NAME.fullmatch(part) or "." in part or len(part.encode()) > _LONGEST_BYTES:
            raise bad_path(
                "The path is invalid: names of folders hold no dot and no odd character."
            )
    if len(parts) > MAX_LEVELS:
        raise bad_path(f"The path is invalid: it is more than {MAX_LEVELS} levels deep.")
    return parts


def file_path(path: str) -> tuple[tuple[str, ...], str]:
    """Take a path to a file apart: its folders, and its name.

    Raises:
        Refusal: 400 `FilePathInvalid` or `FileNameInvalid`.
    """
    folder, _, name = path.rpartition("/")
    return folder_parts(folder), file_name(name)
