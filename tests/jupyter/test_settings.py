"""Settings: where they come from, and that a wrong one is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dynamic_sessions_kernel.errors import SettingsError
from dynamic_sessions_kernel.settings import SettingTraits, all_settings, read_settings

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch) -> None:
    for setting in all_settings().values():
        monkeypatch.delenv(setting.environment, raising=False)


def test_readme_tells_every_setting_with_its_variable_and_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", README, re.MULTILINE))
    assert rows == {name: setting.environment for name, setting in all_settings().items()}
    for name, setting in all_settings().items():
        (told,) = re.findall(rf"^\| `{name}` \|[^|]*\| ([^|]*) \|", README, re.MULTILINE)
        assert told.startswith(setting.shown), name


def test_without_anything_set_the_defaults_hold() -> None:
    settings = read_settings(SettingTraits())
    assert (settings.endpoint, settings.credential, settings.token) == ("", "default", None)
    assert (settings.runtime, settings.outputs, settings.keep_alive) == ("auto", "isolated", 3600)
    assert settings.token_hosts == ()


def test_the_environment_sets_and_the_configuration_wins(monkeypatch) -> None:
    monkeypatch.setenv("DYNAMIC_SESSIONS_RUNTIME", "direct")
    monkeypatch.setenv("DYNAMIC_SESSIONS_KEEP_ALIVE", "")
    assert read_settings(SettingTraits()).runtime == "direct"
    assert read_settings(SettingTraits(runtime="bridge")).runtime == "bridge"
    assert read_settings(SettingTraits()).keep_alive == 3600


def test_configuration_may_give_numbers_and_lists() -> None:
    traits = SettingTraits(keep_alive=60, token_hosts=["a.example", "b.example"])
    settings = read_settings(traits)
    assert settings.keep_alive == 60
    assert settings.token_hosts == ("a.example", "b.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("runtime", "quick"),
        ("outputs", "all"),
        ("keep_alive", "-1"),
        ("keep_alive", "nan"),
        ("keep_alive", "inf"),
        ("keep_alive", "an hour"),
        ("allow", "data"),
        ("allow", "/data,../more"),
    ],
)
def test_a_value_that_cannot_be_used_names_the_setting_and_the_variable(name, value) -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings(SettingTraits(**{name: value}))
    assert f"`{name}`" in str(raised.value)
    assert all_settings()[name].environment in str(raised.value)


def test_secrets_are_in_no_repr() -> None:
    settings = read_settings(SettingTraits(token="s3cret", identifier="1dentifier"))
    assert "s3cret" not in repr(settings)
    assert "1dentifier" not in repr(settings)
