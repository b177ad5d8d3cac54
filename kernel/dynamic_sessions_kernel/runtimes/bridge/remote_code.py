"""Makes the code of an exchange, out of the modules that run in the session.

The code is one expression, so that it leaves no name behind, and its value is the answer. Only
the code made by `starting` ever starts a relay: a lost session is noticed, never replaced.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from functools import cache
from importlib import resources

from . import inside
from .inside.protocol import ABSENT, FAILED, MARK

#: The relay's modules, as they are written into the session.
RELAY_MODULES = (
    "protocol",
    "envelope",
    "stream",
    "kernel_process",
    "liveness",
    "kernel_main",
    "callers",
    "cell_queue",
    "relay",
    "call_relay",
)
#: The module that writes them there, and starts the relay.
STARTER = "start_relay"

_LOAD = """
import sys, importlib, importlib.util as util
spec = util.spec_from_file_location({package!r}, {folder!r} + "/dsk/__init__.py")
importlib.invalidate_caches()  # of a time when the folder was not there
try:
    sys.modules[{package!r}] = util.module_from_spec(spec)
    loaded = importlib.import_module({module!r})
except ModuleNotFoundError:
    del sys.modules[{package!r}]
    class loaded:
        visit = lambda *_: {ABSENT!r}
"""
# As short as it can be, since IPython takes every input apart more than once.
_VISIT = (
    'getattr(__import__("sys").modules.get({module!r}), "visit", lambda *_: None)'
    "({folder!r}, {text!r})"
)
_LOAD_AND_VISIT = (
    '(__import__("sys").modules.get({module!r})'
    ' or (lambda d: (exec({load!r}, d), d["loaded"])[1])({{}})).visit({folder!r}, {text!r})'
)
_START = """
def start(folder, packed):
    import base64, json, zlib
    sources = json.loads(zlib.decompress(base64.urlsafe_b64decode(packed)))
    scope = {{"__name__": "start_relay"}}
    exec(sources.pop("start_relay"), scope)
    try:
        reason = scope["start_relay"](folder, sources)
    except Exception as error:
        reason = f"{{type(error).__name__}}: {{error}}"
    return reason and {FAILED!r} + reason.replace("~", "-") + "~"
"""
_STARTING = (
    '(lambda d: (exec({source!r}, d), d["start"]({folder!r}, {packed!r}))[1])({{}}) or {visit}'
)


def relay_folder(identifier: str) -> str:
    """Name the relay's folder.

    It is short, since the address of a unix socket must be, and reveals nothing of the identifier.
    """
    purpose = f"dynamic-sessions-relay:{_version()}:"
    digest = hashlib.sha256(purpose.encode() + identifier.encode())
    return "/tmp/.dsk-" + digest.hexdigest()[:16]  # noqa: S108 - in the session, and private


def exchanging(folder: str, text: str) -> str:
    """Make the code that hands an envelope to a relay that is there already.

    Its value is None in an interpreter that does not know yet how to; see `loading`.
    """
    return _VISIT.format(module=_module(), folder=folder, text=text)


def loading(folder: str, text: str) -> str:
    """Make the code that does so in any interpreter."""
    load = _LOAD.format(package=_package(), module=_module(), folder=folder, ABSENT=ABSENT)
    return _LOAD_AND_VISIT.format(module=_module(), load=load, folder=folder, text=text)


def starting(folder: str, text: str) -> str:
    """Make the code that starts the relay unless it is there, and hands it an envelope."""
    visit = loading(folder, text)
    source = _START.format(FAILED=FAILED)
    return _STARTING.format(source=source, folder=folder, packed=_packed(), visit=visit)


def _package() -> str:
    return f"{MARK}_{_version()}"


def _module() -> str:
    return f"{_package()}.call_relay"


@cache
def _packed() -> str:
    sources = {module: _source(module) for module in RELAY_MODULES}
    sources["__init__"] = ""
    sources[STARTER] = _source(STARTER)
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(sources).encode(), 9)).decode()


@cache
def _version() -> str:
    """Name what is sent, so that kernels of another version do not meet in one relay."""
    sources = "".join(_source(module) for module in RELAY_MODULES)
    return hashlib.sha256(sources.encode()).hexdigest()[:8]


def _source(module: str) -> str:
    return resources.files(inside).joinpath(module + ".py").read_text(encoding="utf-8")
