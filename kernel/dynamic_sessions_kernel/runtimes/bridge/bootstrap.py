"""Makes the code of an exchange, out of the modules that run in the session.

The code is one expression, so that it leaves no name behind, and its value is the answer. Only
the code made by `starting` ever starts a relay: a lost session is noticed, never replaced.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import zlib
from functools import cache
from importlib import resources

#: The relay's modules, as they are written into the session.
_RELAY = ("envelope", "stream", "interpreter", "launcher", "relay")

#: What a visit answers in place of an envelope: no relay and no trace of one; a relay's folder,
#: so that the session is the same and the relay died; a relay that could not be started.
ABSENT, DEAD, FAILED = "~dsk1!absent~", "~dsk1!dead~", "~dsk1!failed:"

_EXCHANGE = '(lambda d: (exec({source!r}, d), d["dynamic_sessions_visit"]({name!r}, {text!r}))[1])({{}})'
_START = """
def dynamic_sessions_start(name, text, packed):
    import base64, json, zlib
    sources = json.loads(zlib.decompress(base64.urlsafe_b64decode(packed)))
    scope = {"__name__": "starter"}
    exec(sources.pop("starter"), scope)
    try:
        reason = scope["start_relay"](relay_folder(name), sources)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    if reason:
        return "~dsk1!failed:" + reason.replace("~", "-") + "~"
    return dynamic_sessions_visit(name, text)
"""
_STARTING = (
    "(lambda d: (exec({source!r}, d), "
    'd["dynamic_sessions_start"]({name!r}, {text!r}, {packed!r}))[1])({{}})'
)


def folder_name(identifier: str) -> str:
    """Name the relay's folder, which tells nothing of the session's identifier."""
    digest = hashlib.sha256(b"dynamic-sessions-relay:" + identifier.encode())
    return ".dsk-" + digest.hexdigest()[:16]


def exchanging(name: str, text: str) -> str:
    """Make the code that hands an envelope to a relay that is there already."""
    return _EXCHANGE.format(source=_bare("visit"), name=name, text=text)


def starting(name: str, text: str) -> str:
    """Make the code that starts the relay unless it is there, and hands it an envelope."""
    source = _bare("visit") + _START
    return _STARTING.format(source=source, name=name, text=text, packed=_packed())


@cache
def _packed() -> str:
    sources = {module: _source(module) for module in _RELAY}
    sources["__init__"] = ""
    sources["starter"] = _bare("starter")
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(sources).encode(), 9)).decode()


@cache
def _bare(module: str) -> str:
    """Give a module's source without comments and docstrings: it travels with every exchange."""
    tree = ast.parse(_source(module))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef)) and ast.get_docstring(node):
            del node.body[0]
    return ast.unparse(tree)


@cache
def _source(module: str) -> str:
    return resources.files(__package__).joinpath(module + ".py").read_text(encoding="utf-8")
