"""Every setting of the kernel, once: its name, environment variable, default and help.

A setting is text until a session is first needed: a wrong one then becomes an error in the cell
that a person reads, where an error at start would only be a kernel that dies.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from traitlets import HasTraits, TraitType

from .api_versions import DEFAULT_VERSION
from .errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

RuntimeChoice = Literal["auto", "bridge", "direct"]
OutputsChoice = Literal["isolated", "trusted"]

#: The embedded pool's own time-outs end a session anyway; a year is as good as for ever.
_LONGEST_KEEP_ALIVE_SECONDS = 366 * 24 * 3600


class Setting(TraitType[str, Any]):
    """A setting: a trait that falls back on its environment variable.

    Args:
        environment: the variable's name; one that is set to nothing counts as not set.
        default: what holds without either.
        shown: the default, as documentation shows it.
        help: what it does, in a sentence.
    """

    info_text = "text, a number, or a list of texts"

    def __init__(self, environment: str, *, default: str, shown: str, help: str) -> None:  # noqa: A002 - traitlets' name
        super().__init__(default_value=default, help=f"{help} Environment: {environment}.")
        self.environment = environment
        self.shown = shown
        self.tag(config=True)

    def default(self, obj: Any = None) -> str:  # noqa: ARG002 - traitlets' signature
        """Return the environment's value, else the default."""
        return os.environ.get(self.environment, "").strip() or str(self.default_value)

    def validate(self, obj: Any, value: Any) -> str:
        """Return the value as text; lists are joined by commas."""
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return str(value).strip()
        if isinstance(value, list | tuple | set):
            return ",".join(self.validate(obj, item) for item in value)
        self.error(obj, value)
        raise AssertionError  # traitlets' `error` always raises

    def from_string(self, s: str) -> str:
        """Return what the command line gives, as it is."""
        return s


class SettingTraits(HasTraits):
    """The settings as configurable traits, for the kernel class to inherit."""

    endpoint = Setting(
        "AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT",
        default="",
        shown="none: the embedded pool",
        help="The pool management endpoint of an Azure session pool.",
    )
    credential = Setting(
        "DYNAMIC_SESSIONS_CREDENTIAL",
        default="default",
        shown="`default`",
        help="How to sign in: default (DefaultAzureCredential), device_code, interactive or none.",
    )
    token_hosts = Setting(
        "DYNAMIC_SESSIONS_TOKEN_HOSTS",
        default="",
        shown="none",
        help="Exact host names, beside *.dynamicsessions.io and this machine, that may be sent a "
        "token; several between commas.",
    )
    token = Setting(
        "DYNAMIC_SESSIONS_TOKEN",
        default="",
        shown="none",
        help="A bearer token given outright; then `credential` is not asked. Others on the machine "
        "see command lines: use the environment.",
    )
    runtime = Setting(
        "DYNAMIC_SESSIONS_RUNTIME",
        default="auto",
        shown="`auto`",
        help="What cells run on: auto, bridge or direct.",
    )
    outputs = Setting(
        "DYNAMIC_SESSIONS_OUTPUTS",
        default="isolated",
        shown="`isolated`",
        help="Whether outputs are kept apart from the notebook page: isolated or trusted.",
    )
    identifier = Setting(
        "DYNAMIC_SESSIONS_IDENTIFIER",
        default="",
        shown="derived from the connection file's key",
        help="The session's identifier, a secret of 4 to 128 characters. With it set, a session "
        "outlives a kernel that was only told to end by a signal, as VS Code does.",
    )
    allow = Setting(
        "DYNAMIC_SESSIONS_ALLOW",
        default="ask",
        shown="`ask`",
        help="What %upload may send unasked beside the notebook's folder: ask (nothing), or a list "
        "of absolute folders and files, several between commas.",
    )
    keep_alive = Setting(
        "DYNAMIC_SESSIONS_KEEP_ALIVE",
        default="3600",
        shown="`3600`",
        help="Seconds of idleness for which the session is kept from cooling down; 0 is never.",
    )
    api_version = Setting(
        "DYNAMIC_SESSIONS_API_VERSION",
        default=DEFAULT_VERSION,
        shown=f"`{DEFAULT_VERSION}`",
        help="The service's API version; those before 2024-10-02 are of the legacy generation.",
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings, checked; those of the pool are checked by `SessionPool`.

    Attributes:
        endpoint: empty for the embedded pool.
        token: None where the credential is to be asked.
        identifier: empty for one that the kernel makes.
        allow: absolute paths that commands may send unasked.
        keep_alive: in seconds.
    """

    endpoint: str
    credential: str
    token_hosts: tuple[str, ...]
    token: str | None = field(repr=False)
    runtime: RuntimeChoice
    outputs: OutputsChoice
    identifier: str = field(repr=False)
    allow: tuple[str, ...]
    keep_alive: float
    api_version: str


def all_settings() -> Mapping[str, Setting]:
    """Return each setting's declaration by its name, in the order of documentation."""
    return {
        name: trait for name, trait in vars(SettingTraits).items() if isinstance(trait, Setting)
    }


def read_settings(traits: SettingTraits) -> Settings:
    """Check the settings as they are now.

    Raises:
        SettingsError: one of them cannot be used; the message names it and its variable.
    """
    return Settings(
        endpoint=traits.endpoint,
        credential=traits.credential,
        token_hosts=tuple(name for host in traits.token_hosts.split(",") if (name := host.strip())),
        token=traits.token or None,
        runtime=cast("RuntimeChoice", _one_of("runtime", traits.runtime, RuntimeChoice)),
        outputs=cast("OutputsChoice", _one_of("outputs", traits.outputs, OutputsChoice)),
        identifier=traits.identifier,
        allow=read_allowed(traits.allow),
        keep_alive=_seconds("keep_alive", traits.keep_alive),
        api_version=traits.api_version,
    )


def read_allowed(value: str) -> tuple[str, ...]:
    """Return the paths of the setting `allow`, absolute; empty for `ask`.

    Raises:
        SettingsError: one of them is not absolute.
    """
    if value == "ask":
        return ()
    paths = [os.path.expanduser(path) for item in value.split(",") if (path := item.strip())]  # noqa: PTH111 - pathlib raises where there is no such user
    for path in paths:
        if not os.path.isabs(path):  # noqa: PTH117 - a text, as `paths` are
            raise SettingsError(
                f"{_called('allow')} is `ask` or a list of absolute folders, not {_shown(path)}."
            )
    return tuple(paths)


def _one_of(name: str, value: str, choices: Any) -> str:
    words = get_args(choices)
    if value not in words:
        raise SettingsError(f"{_called(name)} is one of {', '.join(words)}, not {_shown(value)}.")
    return value


def _seconds(name: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST_KEEP_ALIVE_SECONDS:  # also refuses nan
        raise SettingsError(
            f"{_called(name)} is a number of seconds, 0 for never, not {_shown(value)}."
        )
    return seconds


def _called(name: str) -> str:
    return f"The setting `{name}` ({all_settings()[name].environment})"


def _shown(value: str) -> str:
    return repr(value[:40])
