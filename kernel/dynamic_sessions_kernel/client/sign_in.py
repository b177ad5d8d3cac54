"""Sign-in to Microsoft Entra: a credential, and a cache of the last token that it returned.

Not every credential of azure-identity caches its tokens, so this module does. azure-core's policy
for bearer tokens caches for its own pipeline alone, and blocks while a person signs in.

A token is requested in a daemon thread of its own: some ways to sign in wait for a person and
cannot be cancelled, and neither an interrupt nor the end of the program may wait for them. A token
that comes late is kept.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from dynamic_sessions_kernel.errors import SettingsError, SignInError

from .redaction import scrub

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from azure.core.credentials import TokenCredential

    #: Shows a person the address to open, the code to type there, and until when it holds.
    DevicePrompt = Callable[[str, str, datetime], None]

SCOPE = "https://dynamicsessions.io/.default"
#: Seconds before its end at which a token is renewed.
RENEW_EARLY_SECONDS = 300.0
#: Seconds that a call waits for a renewal while the old token still holds.
_RENEW_WAIT_SECONDS = 10.0
#: Seconds of life that a token must have left to be sent.
_LAST_MOMENT_SECONDS = 10.0
_MESSAGE_CHARS = 1500
#: What azure-core, and requests below msal, raise where there is no way to the server.
_UNREACHABLE = frozenset({"ServiceRequestError", "ConnectionError", "ConnectTimeout", "ProxyError"})
#: Microsoft Entra's codes, by which its documentation explains what was wrong.
# What Entra says where the person themselves said no.
_DECLINED = re.compile(r"\bdeclined\b|\bauthorization_declined\b|\baccess_denied\b")
_ENTRA_CODE = re.compile(r"AADSTS\d+")

_log = logging.getLogger(__name__)


class _Token(NamedTuple):
    text: str
    expires: float

    def holds_for(self, seconds: float) -> bool:
        return self.expires - time.time() > seconds


class SignIn:
    """Returns the bearer token for requests. Thread-safe.

    Args:
        credential: `default`, `device_code`, `interactive`, `none` (or None), or a credential
            object with azure-core's `get_token`.
        token: a bearer token given outright; then the credential is not asked.
        options: keyword arguments for the credential that a word names.
        prompt: shows the device code; azure-identity prints it when None.
        ended: called when the credential has returned a token or failed, with whether it did;
            called in a thread of its own.
        timeout: seconds to wait for a person to finish signing in.
        renew_pause: seconds between attempts to renew a token that still holds.

    Raises:
        SettingsError: an unknown word, or a token that cannot be one.
    """

    def __init__(
        self,
        credential: TokenCredential | str | None,
        *,
        token: str | None = None,
        options: Mapping[str, Any] | None = None,
        prompt: DevicePrompt | None = None,
        ended: Callable[[bool], None] | None = None,
        timeout: float = 900.0,
        renew_pause: float = 30.0,
    ) -> None:
        if isinstance(credential, str) and credential not in CREDENTIAL_KINDS:
            raise SettingsError(
                "The setting `credential` (DYNAMIC_SESSIONS_CREDENTIAL) is one of "
                f"{', '.join(CREDENTIAL_KINDS)}."
            )
        if token is not None and not (token.isascii() and token.isprintable() and token.strip()):
            raise SettingsError(
                "The setting `token` (DYNAMIC_SESSIONS_TOKEN) is not a token: it is empty, or has "
                "characters that none has."
            )
        self._given = token
        self._credential = None if credential == "none" else credential
        self._options = dict(options or {})
        self._prompt = prompt
        self._ended = ended or _unheard
        self._timeout = timeout
        self._renew_pause = renew_pause
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._pending: Future[_Token] | None = None
        self._next_renewal = 0.0
        self._made: TokenCredential | None = None

    @property
    def announcement(self) -> str:
        """What a person should read before a token is asked for; empty for nothing."""
        if self._given is not None or not isinstance(self._credential, str):
            return ""
        return _KINDS[self._credential].announcement

    @property
    def given(self) -> bool:
        """Whether the token was given outright, so that no credential is asked."""
        return self._given is not None

    @property
    def anonymous(self) -> bool:
        """Whether calls are made without a token."""
        return self._given is None and self._credential is None

    def token(self) -> str | None:
        """Return a token that holds, None when none is to be sent; wait for a sign-in if need be.

        Raises:
            SignInError: the credential gave none, or the person did not finish in time.
        """
        if self._given is not None or self._credential is None:
            return self._given
        with self._lock:
            known = self._token
            if known is not None and known.holds_for(_LAST_MOMENT_SECONDS):
                if known.holds_for(RENEW_EARLY_SECONDS) or time.monotonic() < self._next_renewal:
                    return known.text
            else:
                known = None
            pending = self._ask()
        if known is None:
            return self._wait(pending, self._timeout).text
        try:
            return self._wait(pending, _RENEW_WAIT_SECONDS).text
        except SignInError:
            return known.text

    def renew(self, rejected: str | None) -> str | None:
        """Return a token in the place of one that was not taken; the same if there is no other."""
        with self._lock:
            if self._token is not None and self._token.text == rejected:
                self._token = None
        return self.token()

    def close(self) -> None:
        """Close the credential if it was made here. Repeatable."""
        with self._lock:
            made, self._made = self._made, None
        if made is not None and hasattr(made, "close"):
            made.close()

    def _ask(self) -> Future[_Token]:
        if self._pending is None:
            self._pending = Future()
            self._next_renewal = time.monotonic() + self._renew_pause
            threading.Thread(
                target=self._fetch, args=(self._pending,), name="sign-in", daemon=True
            ).start()
        return self._pending

    def _wait(self, pending: Future[_Token], seconds: float) -> _Token:
        try:
            return pending.result(seconds)
        except FutureTimeoutError:
            raise SignInError(
                f"Signing in was not finished within {seconds:.0f} s. Finish it, then run this "
                "again: a sign-in that ends later still counts."
            ) from None

    def _get_credential(self) -> TokenCredential:
        """Return the credential that was given, or make the one that a word names."""
        if not isinstance(self._credential, str):
            assert self._credential is not None  # noqa: S101 - `token` asks for none without one
            return self._credential
        if self._made is None:
            self._made = _KINDS[self._credential].make(self._options, self._prompt)
        return self._made

    def _fetch(self, pending: Future[_Token]) -> None:
        try:
            given = self._get_credential().get_token(SCOPE)
            token = _Token(given.token, float(given.expires_on))
        except BaseException as error:  # noqa: BLE001 - whatever a credential raises, others wait
            with self._lock:
                self._pending = None
            self._ended(False)
            pending.set_exception(_explain(error))
            return
        with self._lock:
            self._pending, self._token = None, token
        self._ended(True)
        pending.set_result(token)


def _unheard(_succeeded: bool) -> None:
    """Do nothing: nobody asked to hear of it."""


def _default(options: Mapping[str, Any], _prompt: DevicePrompt | None) -> TokenCredential:
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential(**options)


def _device_code(options: Mapping[str, Any], prompt: DevicePrompt | None) -> TokenCredential:
    from azure.identity import DeviceCodeCredential

    return DeviceCodeCredential(**{"prompt_callback": prompt, **_tenant(), **options})


def _interactive(options: Mapping[str, Any], _prompt: DevicePrompt | None) -> TokenCredential:
    from azure.identity import InteractiveBrowserCredential

    if not _has_browser():
        raise SignInError(
            "No browser can be opened on the machine that the kernel runs on, as over SSH. Set "
            "`credential` (DYNAMIC_SESSIONS_CREDENTIAL) to device_code, which shows a code to type "
            "in a browser anywhere, or run `az login --use-device-code` there and set it to "
            "default."
        )
    return InteractiveBrowserCredential(**{**_tenant(), **options})


def _has_browser() -> bool:
    """Whether a person would see a browser; without a screen, a terminal's might be started."""
    if os.environ.get("BROWSER"):
        return True
    if sys.platform in {"win32", "darwin"}:
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _tenant() -> dict[str, str]:
    """Return the person's tenant where one is set; azure-identity reads it for `default` alone."""
    tenant = os.environ.get("AZURE_TENANT_ID")
    return {"tenant_id": tenant} if tenant else {}


@dataclass(frozen=True, slots=True)
class _Kind:
    """A way to sign in.

    Attributes:
        make: makes the credential from its options and what shows a device code.
        announcement: what a person reads before it asks them for something.
    """

    make: Callable[[Mapping[str, Any], DevicePrompt | None], TokenCredential]
    announcement: str = ""


_BROWSER = (
    "Your browser opens for the sign-in to Azure: finish it there, then this cell goes on. "
    "Interrupt to stop waiting."
)
_KINDS = {
    "default": _Kind(_default),
    "device_code": _Kind(_device_code),
    "interactive": _Kind(_interactive, _BROWSER),
}
#: The words that name a way to sign in; `none` sends no token.
CREDENTIAL_KINDS = (*_KINDS, "none")


def _explain(error: BaseException) -> SignInError:
    """Return what a person reads: two sentences; the log has azure-identity's own words."""
    if isinstance(error, SignInError):
        return error
    said = scrub(" ".join(str(error).split()), ())[:_MESSAGE_CHARS] or type(error).__name__
    _log.warning("the sign-in failed: %s: %s", type(error).__name__, said)
    if _is_unreachable(error):
        return SignInError(
            "Azure's sign-in cannot be reached from this machine: check its network, and the proxy "
            "(HTTPS_PROXY) if there is one. Nothing ran; then run this again."
        )
    if _DECLINED.search(said):
        return SignInError(
            "The sign-in to Azure was declined, so nothing ran. Run this again to be asked anew."
        )
    code = _ENTRA_CODE.search(said)
    return SignInError(
        f"No sign-in to Azure worked{f' ({code[0]})' if code else ''}; the log, where Jupyter "
        "runs, has the details. Run `az login`, "
        "or set `credential` (DYNAMIC_SESSIONS_CREDENTIAL) to device_code or interactive; where a "
        "service signs in, set AZURE_CLIENT_ID, AZURE_TENANT_ID and its secret."
    )


def _is_unreachable(error: BaseException) -> bool:
    """Whether a credential failed for want of a network: its kinds of that are no one family."""
    chain: BaseException | None = error
    while chain is not None:
        if type(chain).__name__ in _UNREACHABLE:
            return True
        chain = chain.__cause__ or chain.__context__
    return False
