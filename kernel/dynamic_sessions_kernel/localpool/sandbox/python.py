"""The Python that sessions run: by default the pool's own, else one that a person names."""

from __future__ import annotations

import json
import platform
import site
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from dynamic_sessions_kernel.errors import LocalPoolError

_SITE_FOLDERS = ("site-packages", "dist-packages")
_ASK_SECONDS = 30
# Asked of another Python, which has nothing of this package.
_QUESTION = """
import json, os, platform, site, sys
print(json.dumps({
    "executable": sys.executable,
    "prefixes": [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix],
    "packages": [folder for folder in sys.path if os.path.basename(folder) in FOLDERS],
    "user_base": site.getuserbase() if site.ENABLE_USER_SITE else "",
    "version": platform.python_version(),
}))
"""


@dataclass(frozen=True, slots=True)
class SessionPython:
    """A Python of this machine.

    Attributes:
        executable: its path, links and all.
        prefixes: folders in which it and the one that it was made from are installed.
        packages: folders on its path that hold packages.
        user_base: of packages that were installed for the user alone; empty if it takes none.
        version: such as `3.12.1`.
    """

    executable: str
    prefixes: tuple[str, ...]
    packages: tuple[str, ...]
    user_base: str
    version: str

    @classmethod
    def own(cls) -> SessionPython:
        """Return the Python that runs this process."""
        return cls(
            sys.executable,
            (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix),
            tuple(folder for folder in sys.path if Path(folder).name in _SITE_FOLDERS),
            site.getuserbase() if site.ENABLE_USER_SITE else "",
            platform.python_version(),
        )

    @classmethod
    def at(cls, path: str) -> SessionPython:
        """Return the Python of that path, which is run to ask where it lies.

        Raises:
            LocalPoolError: it is none, or does not run.
        """
        question = _QUESTION.replace("FOLDERS", repr(_SITE_FOLDERS))
        try:
            asked = subprocess.run(
                [str(Path(path).absolute()), "-c", question],
                cwd="/",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_ASK_SECONDS,
                check=True,
            )
            answer = json.loads(asked.stdout)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            raise LocalPoolError(
                f"{path} is no Python that runs here ({error}). Name the python of an environment "
                "that has ipykernel."
            ) from None
        return cls(
            executable=answer["executable"],
            prefixes=tuple(answer["prefixes"]),
            packages=tuple(answer["packages"]),
            user_base=answer["user_base"],
            version=answer["version"],
        )
