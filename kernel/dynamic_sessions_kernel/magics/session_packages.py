"""What `%packages` does in the session: look at its Python, and install wheels into a folder.

The code that is sent runs in the person's interpreter there, so that both runtimes are alike. What
comes back is the session's word: it is held to short plain texts before anything uses it.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    #: Runs code in the session and returns the value of an expression as Python writes it.
    Evaluate = Callable[[str, str], str]

#: Where packages go, below the session's home folder. Both runtimes put it on the path of a Python
#: that they start, if it is there.
FOLDER = ".cache/dynamic-sessions/packages"

_MAX_PACKAGES = 5_000
_MAX_PLATFORMS = 200
_PLAIN = re.compile(r"[ -~]{0,200}")
_PYTHON = re.compile(r"\d{1,2}\.\d{1,3}(?:\.\d{1,3})?")
_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]{0,100}[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][\w.+!-]{0,99}")
_TAG = re.compile(r"\w{1,100}")
_ENCODED = re.compile(r"[A-Za-z0-9+/=]+")

# One name is left for a moment, and taken away by the expression that reads it.
_EXPRESSION = "globals().pop('_dynamic_sessions_packages')"
_FRAME = """
def _dynamic_sessions_packages():
    import base64, json, os, sys
    folder = os.path.join(os.path.expanduser("~"), {folder!r})
{body}
    return base64.b64encode(json.dumps(answer).encode()).decode()
_dynamic_sessions_packages = _dynamic_sessions_packages()
"""
_DESCRIBE = """
    import socket
    from importlib import metadata
    from packaging import markers, tags
    seen = list(tags.sys_tags())
    try:
        socket.create_connection(("pypi.org", 443), 3).close()
        online = True
    except OSError:
        online = False
    answer = {
        "markers": dict(markers.default_environment()),
        "platforms": list(dict.fromkeys(tag.platform for tag in seen)),
        "abis": list(dict.fromkeys(tag.abi for tag in seen)),
        "implementation": tags.interpreter_name(),
        "packages": [[d.metadata["Name"], d.version] for d in metadata.distributions()],
        "online": online,
    }
"""
_INSTALL = """
    import importlib, subprocess
    os.makedirs(folder, exist_ok=True)
    wheels = [os.path.join("/mnt/data", name) for name in {names!r}]
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--upgrade"]
    command += ["--no-compile", "--disable-pip-version-check", "--quiet", "--target", folder]
    done = subprocess.run(command + wheels, capture_output=True, text=True, errors="replace")
    if done.returncode == 0 and folder not in sys.path:
        sys.path.append(folder)
    importlib.invalidate_caches()
    answer = {{"error": done.stderr[-2000:] if done.returncode else ""}}
"""
_ADDED = """
    from importlib import metadata
    answer = [[d.metadata["Name"], d.version] for d in metadata.distributions(path=[folder])]
"""


@dataclass(frozen=True, slots=True)
class SessionPython:
    """The Python of a session, as wheels are chosen for it.

    Attributes:
        version: such as `3.12.1`, without what marks a release that is not final.
        markers: of PEP 508, such as `python_version`.
        platforms, abis: tags that it takes, best first.
        implementation: such as `cp`.
        packages: what is installed: names to versions.
        online: whether it reaches the public package index.
    """

    version: str
    markers: dict[str, str]
    platforms: tuple[str, ...]
    abis: tuple[str, ...]
    implementation: str
    packages: dict[str, str]
    online: bool


def describe(evaluate: Evaluate) -> SessionPython:
    """Ask a session what its Python is.

    Raises:
        CommandError: it does not answer as it should.
    """
    answer = _ask(evaluate, _DESCRIBE)
    try:
        version = str(answer["markers"]["python_full_version"]).rstrip("+")
        return SessionPython(
            version=_plain(re.sub(r"(a|b|rc)\d+$", "", version), _PYTHON),
            markers={
                _plain(name, _PLAIN): _plain(value, _PLAIN)
                for name, value in list(answer["markers"].items())[:50]
            },
            platforms=tuple(_plain(tag, _TAG) for tag in answer["platforms"][:_MAX_PLATFORMS]),
            abis=tuple(_plain(tag, _TAG) for tag in answer["abis"][:_MAX_PLATFORMS]),
            implementation=_plain(answer["implementation"], _TAG),
            packages=_packages(answer["packages"]),
            online=answer["online"] is True,
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        raise _unexpected() from None


def install(evaluate: Evaluate, names: Sequence[str]) -> None:
    """Install wheels that lie in `/mnt/data`, and put them on the path of the running Python.

    Raises:
        CommandError: pip there refused them, or is missing.
    """
    answer = _ask(evaluate, _INSTALL.format(names=list(names)))
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, str):
        raise _unexpected()
    if error:
        last = error.strip().splitlines()[-1:] or [""]
        shown = "".join(c if c.isprintable() else "\ufffd" for c in last[0][:300])
        raise CommandError(f"The session's pip did not install the wheels: {shown}")


def added(evaluate: Evaluate) -> dict[str, str]:
    """Return what was added to a session: names to versions.

    Raises:
        CommandError: it does not answer as it should.
    """
    try:
        return _packages(_ask(evaluate, _ADDED))
    except (TypeError, ValueError):
        raise _unexpected() from None


def _ask(evaluate: Evaluate, body: str) -> Any:
    text = evaluate(_FRAME.format(folder=FOLDER, body=body), _EXPRESSION).strip("'\"")
    if not _ENCODED.fullmatch(text):
        raise _unexpected()
    try:
        return json.loads(base64.b64decode(text))
    except (ValueError, RecursionError):
        raise _unexpected() from None


def _packages(answer: Any) -> dict[str, str]:
    """Return names to versions; what is no plain name or version is left out."""
    if not isinstance(answer, list):
        raise TypeError
    found: dict[str, str] = {}
    for name, version in answer[:_MAX_PACKAGES]:
        plain = isinstance(name, str) and isinstance(version, str)
        if plain and _NAME.fullmatch(name) and _VERSION.fullmatch(version):
            # Of several of one name, the first on the path is the one that is imported.
            found.setdefault(name, version)
    return found


def _plain(value: Any, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError
    return value


def _unexpected() -> CommandError:
    return CommandError(
        "The session did not say what its Python is, in the form that it should. Nothing was "
        "installed. %session restart starts its Python afresh."
    )
