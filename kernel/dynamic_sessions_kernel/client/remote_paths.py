"""Names of files in a session: which the service takes, and how a path is taken apart.

The rules are the service's (seen in its answers 400 `FileNameInvalid` and `FilePathInvalid`):
checking them here says which character is wrong, before a long upload instead of after it.
"""

from __future__ import annotations

import re
import unicodedata

from dynamic_sessions_kernel.errors import FileNameError

from .models import DATA_FOLDER

#: What names may hold beside letters and digits of any script.
PUNCTUATION = " -_.@$&=;,#%^()"
#: How deep folders may be nested below `/mnt/data`.
MAX_LEVELS = 5

_FORBIDDEN = re.compile(r"[^\w" + re.escape(PUNCTUATION) + r"]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


def split_path(path: str) -> tuple[str, str]:
    """Take a path in a session apart: its folder relative to `/mnt/data`, and its name.

    Args:
        path: relative to `/mnt/data`, or absolute and below it.

    Raises:
        FileNameError: it is empty, outside of `/mnt/data`, or no path at all.
    """
    directory, _, name = clean_folder(path).rpartition("/")
    if not name:
        raise FileNameError("The name of a file in the session is missing.")
    return directory, name


def clean_folder(path: str) -> str:
    """Return a folder of a session relative to `/mnt/data`; empty for `/mnt/data` itself.

    Raises:
        FileNameError: it is outside of `/mnt/data`, or no path at all.
    """
    if path == DATA_FOLDER or path.startswith(DATA_FOLDER + "/"):
        path = path.removeprefix(DATA_FOLDER).lstrip("/")
    if path.startswith("/"):
        raise FileNameError(
            f"{printable(path)} is not below {DATA_FOLDER}. The service reaches files there alone: "
            f"copy it into {DATA_FOLDER} in a cell first."
        )
    parts = [part for part in path.split("/") if part]
    if _CONTROL.search(path) or {".", ".."}.intersection(parts):
        raise FileNameError(
            f"{printable(path)} is no name of a file in a session: `.` and `..` as parts, "
            "backslashes and control characters are not taken."
        )
    return "/".join(parts)


def check_upload(path: str) -> tuple[str, str]:
    """Take the path of an upload apart, if the service takes such names.

    Raises:
        FileNameError: it does not, and why.
    """
    directory, name = split_path(unicodedata.normalize("NFC", path))
    folders = directory.split("/") if directory else []
    for part in (*folders, name):
        if wrong := _FORBIDDEN.search(part):
            raise FileNameError(
                f"The service does not take {printable(part)} as a name because of "
                f"{printable(wrong.group())}. It takes letters, digits, space and "
                f"{PUNCTUATION.strip()} - upload it under another name.",
                code="FileNameInvalid",
            )
    for folder in folders:
        if "." in folder:
            raise FileNameError(
                f"The service takes no dot in the name of a folder: {printable(folder)}. Upload to "
                "another folder.",
                code="FilePathInvalid",
            )
    if len(folders) > MAX_LEVELS:
        raise FileNameError(
            f"{printable(directory)} is {len(folders)} folders deep; the service takes at most "
            f"{MAX_LEVELS}. Upload to a shorter path.",
            code="FilePathInvalid",
        )
    return directory, name


def printable(text: str, limit: int = 120) -> str:
    """Quote a name for a message: bounded, and without characters that act on a terminal."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return repr(shown)
