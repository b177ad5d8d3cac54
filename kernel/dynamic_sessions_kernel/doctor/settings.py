"""The settings that the kernel would have: of its kernelspec, a configuration file, a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_core.paths import jupyter_config_path
from traitlets.config import Application

from dynamic_sessions_kernel.errors import SettingsError
from dynamic_sessions_kernel.settings import SettingTraits, all_settings, read_settings

if TYPE_CHECKING:
    from dynamic_sessions_kernel.settings import Settings

    from .report import Report

#: As the kernel's application calls its file and its section.
_FILE, _SECTION = "dynamic_sessions_kernel_config", "DynamicSessionsKernel"


def settings_of(report: Report) -> Settings | None:
    """Return the settings; None, with a finding, where one of them cannot be used."""
    application = Application()
    application.load_config_file(_FILE, jupyter_config_path())
    configured = application.config.get(_SECTION, {})
    traits = SettingTraits()
    for name in all_settings():
        if name in configured:
            setattr(traits, name, configured[name])
    try:
        return read_settings(traits)
    except SettingsError as error:
        report.add("settings", "failed", str(error))
        return None
