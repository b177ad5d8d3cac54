"""Sign-in: azure-identity's own code against a token endpoint here, and what we keep of it."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import webbrowser
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from dynamic_sessions_kernel import SessionPool, errors
from tests.support.fake_service import QUICK

#: Renews without a pause between attempts.
EAGER = replace(QUICK, renew_pause=0.0)
TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "99999999-8888-7777-6666-555555555555"
AZURE = "https://westus2.dynamicsessions.io/pool"


class Access(NamedTuple):
    token: str
    expires_on: int


class Counting:
    """A credential that keeps nothing: each call gives a new token of the given life."""

    def __init__(self, *lives: float) -> None:
        self.lives = list(lives)
        self.asked: list[tuple[str, ...]] = []

    def get_token(self, *scopes: str, **_: object) -> Access:
        self.asked.append(scopes)
        life = self.lives.pop(0) if len(self.lives) > 1 else self.lives[0]
        return Access(f"token-{len(self.asked)}", int(time.time() + life))


def bearers(service) -> list[str]:
    return [seen.headers["authorization"].removeprefix("Bearer ") for seen in service.seen]


def test_a_token_is_asked_for_once_and_kept(service, open_pool, identifier) -> None:
    credential = Counting(3600)
    session = open_pool(service.endpoint, credential).session(identifier)
    for _ in range(3):
        session.execute("1")
    assert credential.asked == [("https://dynamicsessions.io/.default",)]
    assert bearers(service) == ["token-1"] * 3


def test_a_token_is_renewed_five_minutes_early(service, open_pool, identifier) -> None:
    session = open_pool(service.endpoint, Counting(299, 301, 3600), timeouts=EAGER).session(
        identifier
    )
    for _ in range(3):
        session.execute("1")
    assert bearers(service) == ["token-1", "token-2", "token-2"]


def test_a_token_that_lives_shortly_is_not_renewed_with_every_call(
    service, open_pool, identifier
) -> None:
    credential = Counting(120)
    session = open_pool(service.endpoint, credential).session(identifier)
    for _ in range(5):
        session.execute("1")
    assert len(credential.asked) == 1


def test_an_expired_token_is_never_sent(service, open_pool, identifier) -> None:
    session = open_pool(service.endpoint, Counting(-5, 3600)).session(identifier)
    session.execute("1")
    session.execute("1")
    assert bearers(service)[1] == "token-2"


def test_a_renewal_that_fails_leaves_a_token_that_still_holds_in_use(
    service, open_pool, identifier, monkeypatch
) -> None:
    class Failing(Counting):
        def get_token(self, *scopes: str, **_: object) -> Access:
            if self.asked:
                raise RuntimeError("the sign-in service is away")
            return super().get_token(*scopes)

    session = open_pool(service.endpoint, Failing(200), timeouts=EAGER).session(identifier)
    session.execute("1")
    session.execute("1")
    assert bearers(service) == ["token-1"] * 2


def test_a_rejected_token_is_replaced_once_without_the_caller_noticing(
    service, open_pool, identifier
) -> None:
    session = open_pool(service.endpoint, Counting(3600)).session(identifier)
    service.plays(b"", 401)
    assert session.execute("1").result == 42
    assert bearers(service) == ["token-1", "token-2"]
    service.plays(b"", 401)
    service.plays(b"", 401)
    with pytest.raises(errors.UnauthorizedError):
        session.execute("1")


def test_a_credential_that_keeps_its_token_is_not_tried_twice(
    service, open_pool, identifier
) -> None:
    class Keeping(Counting):
        def get_token(self, *scopes: str, **_: object) -> Access:
            return super().get_token(*scopes)._replace(token="always-the-same")

    service.plays(b"", 401)
    with pytest.raises(errors.UnauthorizedError, match="az login"):
        open_pool(service.endpoint, Keeping(3600)).session(identifier).execute("1")
    assert len(service.seen) == 1


def test_a_token_given_outright_keeps_the_credential_unasked(
    service, open_pool, identifier, token
) -> None:
    credential = Counting(3600)
    pool = open_pool(service.endpoint, credential, token=token)
    pool.session(identifier).execute("1")
    assert credential.asked == []
    assert bearers(service) == [token]


def test_many_threads_wait_for_one_sign_in(service, open_pool, identifier) -> None:
    release = threading.Event()

    class Slow(Counting):
        def get_token(self, *scopes: str, **_: object) -> Access:
            release.wait(10)
            return super().get_token(*scopes)

    credential = Slow(3600)
    pool = open_pool(service.endpoint, credential)
    threads = [
        threading.Thread(target=pool.session(identifier).execute, args=("1",)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    release.set()
    for thread in threads:
        thread.join()
    assert len(credential.asked) == 1


def test_a_sign_in_that_takes_too_long_is_said_and_its_late_token_is_kept(
    service, open_pool, identifier
) -> None:
    from dynamic_sessions_kernel import Timeouts

    release, done = threading.Event(), threading.Event()

    class Slow(Counting):
        def get_token(self, *scopes: str, **_: object) -> Access:
            release.wait(10)
            try:
                return super().get_token(*scopes)
            finally:
                done.set()

    credential = Slow(3600)
    timeouts = Timeouts(sign_in=0.05)
    session = open_pool(service.endpoint, credential, timeouts=timeouts).session(identifier)
    with pytest.raises(errors.SignInError, match="still counts"):
        session.execute("1")
    assert service.seen == []
    release.set()
    assert done.wait(5)
    while not service.seen:
        try:
            session.execute("1")
        except errors.SignInError:  # the token is on its way from that thread to the cache
            continue
    assert len(credential.asked) == 1


def test_a_credential_that_fails_is_explained_without_its_secrets(
    service, open_pool, identifier, token
) -> None:
    class Broken:
        def get_token(self, *_: str, **__: object) -> Access:
            raise RuntimeError(f"no {token} for you" + " at all" * 1000)

    with pytest.raises(errors.SignInError, match="az login") as raised:
        open_pool(service.endpoint, Broken()).session(identifier).execute("1")
    assert token not in str(raised.value)
    assert len(str(raised.value)) < 2500
    assert raised.value.__cause__ is None
    assert service.seen == []


def test_a_sign_in_that_fails_is_two_sentences_and_the_rest_is_in_the_log(
    service, open_pool, identifier, caplog
) -> None:
    class Broken:
        def get_token(self, *_: str, **__: object) -> Access:
            raise RuntimeError("this and that. And more. " * 50)

    with pytest.raises(errors.SignInError) as raised:
        open_pool(service.endpoint, Broken()).session(identifier).execute("1")
    assert str(raised.value).count(". ") == 1
    assert "this and that" not in str(raised.value)
    assert "this and that" in caplog.text


def test_device_code_without_network_says_the_cause_first(
    service, open_pool, identifier, monkeypatch
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        once = {"retry_total": 0}
        pool = open_pool(service.endpoint, "device_code", credential_options=once)
        session = pool.session(identifier)
        with pytest.raises(errors.SignInError, match=r"^Azure's sign-in cannot be reached"):
            session.execute("1")


def test_a_wrong_token_names_its_setting(service, open_pool, identifier) -> None:
    service.plays(b"", 401)
    with pytest.raises(errors.UnauthorizedError) as raised:
        open_pool(service.endpoint, token="wrong").session(identifier).execute("1")
    assert "(DYNAMIC_SESSIONS_TOKEN)" in str(raised.value)
    assert "az login" not in str(raised.value)


@pytest.mark.parametrize("kind", ["", "azure", "Default", "device-code"])
def test_an_unknown_kind_of_credential_is_told_the_known_ones(kind) -> None:
    with pytest.raises(errors.SettingsError, match="default, device_code, interactive, none"):
        SessionPool(AZURE, kind)


@pytest.mark.parametrize("token", ["", "  ", "two\nlines", "ümlaut"])
def test_what_is_no_token_is_refused(token) -> None:
    with pytest.raises(errors.SettingsError, match="DYNAMIC_SESSIONS_TOKEN"):
        SessionPool(AZURE, token=token)


def test_azure_identity_is_imported_only_when_it_is_asked() -> None:
    program = (
        "import sys, dynamic_sessions_kernel as d\n"
        "assert 'requests' not in sys.modules\n"
        f"d.SessionPool({AZURE!r}).close()\n"
        "assert 'azure.identity' not in sys.modules and 'msal' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.fixture
def options(entra) -> dict[str, object]:
    return {"authority": entra.authority, "disable_instance_discovery": True}


def test_default_signs_a_service_in_from_its_environment(
    service, entra, options, open_pool, identifier, monkeypatch
) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "a-client-secret")
    session = open_pool(service.endpoint, "default", credential_options=options).session(identifier)
    session.execute("1")
    session.execute("1")
    assert bearers(service) == ["entra-1"] * 2
    (asked,) = entra.asked
    assert asked["scope"] == "https://dynamicsessions.io/.default"
    assert asked["client_id"] == CLIENT


def test_default_that_is_refused_says_what_entra_says(
    service, entra, options, open_pool, identifier, monkeypatch
) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "a-client-secret")
    entra.refusal = {"error": "invalid_client", "error_description": "AADSTS7000215: wrong secret"}
    session = open_pool(service.endpoint, "default", credential_options=options).session(identifier)
    with pytest.raises(errors.SignInError, match="AADSTS7000215") as raised:
        session.execute("1")
    assert "a-client-secret" not in str(raised.value)
    assert service.seen == []


def test_default_with_nothing_to_sign_in_with_says_az_login(
    service, open_pool, identifier, monkeypatch
) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_USERNAME"):
        monkeypatch.delenv(name, raising=False)
    session = open_pool(service.endpoint, "default").session(identifier)
    with pytest.raises(errors.SignInError, match="az login"):
        session.execute("1")


def test_device_code_shows_its_code_and_waits_for_the_person(
    service, entra, options, open_pool, identifier, monkeypatch
) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    shown: list[tuple[object, ...]] = []
    entra.pending = 1
    pool = open_pool(
        service.endpoint,
        "device_code",
        credential_options={**options, "client_id": CLIENT},
        prompt=lambda *prompt: shown.append(prompt),
    )
    pool.sign_in()
    pool.session(identifier).execute("1")
    ((address, code, until),) = shown
    assert (address, code) == ("https://microsoft.com/devicelogin", "ABCD-EFGH")
    assert until.tzinfo is not None
    assert len(entra.asked) == 2
    assert bearers(service) == ["entra-2"]


def test_interactive_opens_the_browser_and_takes_what_it_brings_back(
    service, entra, options, open_pool, identifier, monkeypatch
) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    opened: list[str] = []

    def browser(url: str) -> bool:
        """Sign in as a person would: the page posts the code back to azure-identity."""
        opened.append(url)
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        entra.nonce = query["nonce"]
        form = {"code": "a-code", "state": query["state"]}
        back = {"data": form, "timeout": 10}
        threading.Thread(target=requests.post, args=(query["redirect_uri"],), kwargs=back).start()
        return True

    monkeypatch.setattr(webbrowser, "open", browser)
    monkeypatch.setenv("BROWSER", "one that a person sees")
    session = open_pool(
        service.endpoint, "interactive", credential_options={**options, "client_id": CLIENT}
    ).session(identifier)
    session.execute("1")
    assert opened[0].startswith(f"{entra.authority}/{TENANT}/oauth2/v2.0/authorize?")
    assert bearers(service) == ["entra-1"]
    assert entra.asked[0]["code"] == "a-code"


@pytest.mark.skipif(sys.platform != "linux", reason="tells a screen by its variables")
def test_interactive_without_a_screen_says_what_to_do_instead(
    service, open_pool, identifier, monkeypatch
) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    session = open_pool(service.endpoint, "interactive").session(identifier)
    with pytest.raises(errors.SignInError, match="device_code"):
        session.execute("1")
    assert service.seen == []
