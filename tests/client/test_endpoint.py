"""Where tokens may go, and what an endpoint and an identifier may be."""

from __future__ import annotations

import pytest

from dynamic_sessions_kernel import SessionPool
from dynamic_sessions_kernel.client.endpoint import parse_endpoint, shorten
from dynamic_sessions_kernel.errors import SettingsError

AZURE = "https://westus2.dynamicsessions.io/subscriptions/s/resourceGroups/g/sessionPools/p"


@pytest.mark.parametrize("added", ["", "/", "//", "/python/execute", "/python/execute/", "  \n"])
def test_what_portals_append_is_dropped(added: str) -> None:
    assert parse_endpoint(AZURE + added).url == AZURE


@pytest.mark.parametrize(
    "endpoint",
    [AZURE, "http://localhost:8080/pool", "http://127.0.0.1:8080", "http://[::1]:8080/pool"],
)
def test_azure_and_this_machine_may_be_sent_a_token(endpoint: str) -> None:
    assert parse_endpoint(endpoint).takes_token


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://example.com/pool",
        "https://pool.hash.westus2.azurecontainerapps.io",
        "https://dynamicsessions.io.example.com/pool",
        "https://notdynamicsessions.io/pool",
        "https://dynamicsessions.io/pool",
        "https://.dynamicsessions.io/pool",
        "https://a..dynamicsessions.io/pool",
        "https://westus2.dynamicsessions.io../pool",
    ],
)
def test_a_stranger_is_refused_the_token_and_told_why(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="DYNAMIC_SESSIONS_TOKEN_HOSTS"):
        SessionPool(endpoint)
    with pytest.raises(SettingsError, match="not a host that may be sent a token"):
        SessionPool(endpoint, "none", token="a-token")


@pytest.mark.parametrize("hosts", [["pools.example.com"], "other.example, Pools.Example.com."])
def test_token_hosts_names_further_hosts_exactly(hosts: object) -> None:
    assert parse_endpoint("https://pools.example.com/p", hosts).takes_token  # type: ignore[arg-type]
    assert not parse_endpoint("https://a.pools.example.com/p", hosts).takes_token  # type: ignore[arg-type]


def test_a_name_with_an_empty_label_is_nobodys() -> None:
    assert not parse_endpoint("https://a..example/p", ["a..example"]).takes_token
    assert parse_endpoint("https://westus2.dynamicsessions.io./p").takes_token


def test_a_stranger_may_be_used_without_a_token() -> None:
    with SessionPool("https://pool.hash.westus2.azurecontainerapps.io", "none") as pool:
        assert "azurecontainerapps" in repr(pool)


@pytest.mark.parametrize("endpoint", [AZURE.replace("https", "http"), "http://10.0.0.1/pool"])
def test_plain_http_is_for_this_machine_alone(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="use https://"):
        SessionPool(endpoint, "none")


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "westus2.dynamicsessions.io/subscriptions/s",
        "ftp://westus2.dynamicsessions.io",
        "https://",
        r"https://evil.example\.dynamicsessions.io/p",
        "https://user:word@westus2.dynamicsessions.io/p",
        "https://evil.example#.dynamicsessions.io/p",
        "https://evil.example?.dynamicsessions.io/p",
        "https://evil.example\uff0f.dynamicsessions.io/p",
        "https://westus2.dynamicsessions.io:99999/p",
        "https://westus2.dynamicsessions.io/p?identifier=x",
        "https://westus2.dynamicsessions.io/p\r\nX: y",
    ],
)
def test_what_parsers_could_disagree_about_is_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT"):
        SessionPool(endpoint, "none")


@pytest.mark.parametrize("identifier", ["", "abc", "x" * 129, "has a space", "new\nline", "ümlaut"])
def test_an_identifier_the_service_cannot_take_is_refused_unrepeated(identifier: str) -> None:
    with SessionPool(AZURE, "none") as pool, pytest.raises(SettingsError) as raised:
        pool.session(identifier)
    assert not identifier or identifier not in str(raised.value)


def test_a_shown_identifier_is_never_whole() -> None:
    assert shorten("abcd") == "ab…"
    assert shorten("0123456789abcdef0123456789abcdef") == "01234567…"
    with SessionPool(AZURE, "none") as pool:
        assert repr(pool.session("0123456789abcdef")) == "<Session 01234567…>"
