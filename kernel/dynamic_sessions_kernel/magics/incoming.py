"""What a file of a session may be called on this machine.

Each name comes from a session that may be hostile. A name that leads somewhere else, or that some
system takes for a device, is refused. One that Python, Jupyter, a browser or a shell may run from
the notebook's folder is for the person to agree to.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from dynamic_sessions_kernel.client.remote_paths import printable
from dynamic_sessions_kernel.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_NAME_BYTES = 255
#: What Windows takes for a device, whatever suffix follows.
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(?:[.:].*)?", re.IGNORECASE
)
#: What a system, a shell or an archive reads as something other than a name.
_NO_NAME = re.compile(r'[\x00-\x1f\x7f\ud800-\udfff\\/:*?"<>|]|[. ]$')
_RUN_SUFFIX = re.compile(
    r".*\.(?:"
    # Python and Jupyter
    r"py|py[cdiwxz]|pth|so|egg"
    # a browser
    r"|html?|xht|[xsm]html?|mht|svgz?|xml|xsl|[mc]?js|css|wasm"
    # a shell or a desktop
    r"|(?:ba|z|fi|c|k)?sh|bat|cmd|com|exe|msi|psm?1|vb[se]|ws[fh]|scr|hta|lnk|url|desktop|command"
    r"|app|jar|reg|dll|dylib|cpl|pif|gadget|scf|(?:library|search|searchconnector)-ms"
    r")",
    re.DOTALL,
)
#: What programs of a developer obey where they find it.
_RUN_NAME = re.compile(
    r"(?:gnu)?makefile|dockerfile|pyproject\.toml|setup\.cfg|tox\.ini|pytest\.ini|package\.json"
    r"|mypy\.ini|pylintrc|justfile|rakefile|gemfile|vagrantfile|cmakelists\.txt|meson\.build"
    r"|desktop\.ini|autorun\.inf"
    r"|overrides\.json|kernel\.json|(?:jupyter|ipython|nbconvert).*config.*",
    re.DOTALL,
)


def refusal(path: str) -> str | None:
    """Return why no file may be called so here; None where one may.

    Args:
        path: relative to `/mnt/data`, as the session names it.
    """
    for part in PurePosixPath(path).parts:
        if part in {".", ".."} or _NO_NAME.search(part):
            return "holds what is no part of a name on every system"
        if _DEVICE.fullmatch(part):
            return "is the name of a device on Windows"
        if len(part.encode()) > _MAX_NAME_BYTES:
            return "is too long"
    return None


def is_hidden(path: str) -> bool:
    """Whether the file, or a folder that it is in, is hidden."""
    return any(part.startswith(".") for part in PurePosixPath(path).parts)


def may_be_run(path: str) -> bool:
    """Whether something runs or obeys a file of this name, or a package of this folder, unasked."""
    name = _folded(PurePosixPath(path).name)
    return any(kind.fullmatch(name) for kind in (_RUN_SUFFIX, _RUN_NAME))


def check_distinct(paths: Iterable[str]) -> None:
    """See that no two names are one on a system that does not distinguish case or composition.

    Raises:
        CommandError: two are.
    """
    seen: dict[str, str] = {}
    for path in paths:
        other = seen.setdefault(_folded(path), path)
        if other != path:
            raise CommandError(
                f"{printable(other)} and {printable(path)} would be one file on some systems. "
                "Rename one in the session. Nothing was written."
            )


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
