"""Wheels for another Python than this one: resolved and fetched here, by the person's pip.

pip runs in a process of its own, with the person's configuration. It fetches wheels alone, so
nothing of a package runs or is unpacked here. It judges environment markers by the Python that it
runs on, even where it is asked for wheels of another; so that process is given the markers of the
session instead.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from dynamic_sessions_kernel.errors import CommandError

from .base import CommandInterruptedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .base import Cancelled
    from .session_packages import SessionPython

_PUBLIC_HOST = "pypi.org"
_ARCHIVES = (".whl", ".zip", ".gz", ".tgz", ".tar", ".bz2", ".tbz", ".xz", ".txz", ".lzma", ".tlz")
_LOOK_SECONDS = 0.1
_CONFIGURATION_SECONDS = 60
_SHOWN_CHARS = 400
# Runs pip with other markers; its first argument is their JSON.
_PIP = """
import json, sys
from pip._vendor.packaging import markers
given = json.loads(sys.argv.pop(1))
markers.default_environment = lambda: dict(given)
from pip._internal.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
_INDEX_OPTIONS = re.compile(r"(?:[\w-]+\.|:env:\.)(?P<option>[\w-]+)='(?P<value>.*)'")
_ADDRESSES = re.compile(r"https?://[^\s'\\]+")


def check_name(text: str) -> str:
    """Return a requirement that is a name with extras and versions alone.

    Raises:
        CommandError: it is more than that, or none.
    """
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        requirement = None
    # pip takes a name that ends like an archive's for a file, if there is one.
    if (
        requirement is None
        or requirement.url
        or requirement.marker
        or requirement.name.lower().endswith(_ARCHIVES)
    ):
        raise CommandError(
            f"{text[:100]!r} is no package's name. Give names as the package index has them, with "
            "extras and versions at most, such as httpx[http2]>=0.27; no paths, addresses, options "
            "or files. Nothing was installed."
        )
    return str(requirement)


def other_indexes() -> list[str]:
    """Return the hosts, other than the public index, from which the person's pip takes packages.

    Raises:
        CommandError: this environment has no pip.
    """
    command = [sys.executable, "-m", "pip", "config", "list"]
    try:
        listed = subprocess.run(  # noqa: S603 - the person's own pip
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_CONFIGURATION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        raise _no_pip() from None
    if listed.returncode != 0:
        raise _no_pip()
    hosts: dict[str, None] = {}
    for line in listed.stdout.splitlines():
        match = _INDEX_OPTIONS.match(line)
        if match and match["option"] in {"index-url", "extra-index-url", "find-links"}:
            # Names and passwords in an address are no one's business.
            found = [
                urlsplit(address).hostname or "" for address in _ADDRESSES.findall(match["value"])
            ]
            hosts.update(dict.fromkeys(found))
    return [host for host in hosts if host and host != _PUBLIC_HOST]


def fetch(
    names: Sequence[str], python: SessionPython, folder: Path, cancelled: Cancelled
) -> list[Path]:
    """Resolve packages for a session's Python and fetch the wheels that it lacks.

    Args:
        names: as `check_name` returned them.
        python: of the session.
        folder: an empty one of this machine, for the wheels.
        cancelled: whether the person has interrupted the cell.

    Returns:
        The wheels; none where the session has all of it already.

    Raises:
        CommandError: there is no such package, no wheel of it for that Python, or none that goes
            with what is installed there.
    """
    constraints = folder / "constraints.txt"
    lines = (f"{name}=={version}\n" for name, version in python.packages.items())
    constraints.write_text("".join(lines))
    report = folder / "report.json"
    target = [*_target(python), "--target", str(folder / "nothing"), "--ignore-installed"]
    resolving = ["install", "--dry-run", "--quiet", "--report", str(report), *target]
    _run(
        [*resolving, "--constraint", str(constraints), "--", *names],
        python,
        folder,
        cancelled,
        names,
    )
    pinned = _pinned(json.loads(report.read_text("utf-8")), python)
    if not pinned:
        return []
    wanted = folder / "wanted.txt"
    wanted.write_text("".join(f"{line}\n" for line in pinned))
    wheels = folder / "wheels"
    fetching = ["download", "--quiet", "--no-deps", *_target(python), "--dest", str(wheels)]
    _run([*fetching, "--requirement", str(wanted)], python, folder, cancelled, names)
    return sorted(wheels.glob("*.whl"))


def _pinned(report: dict[str, Any], python: SessionPython) -> list[str]:
    """Return a line for each package that the session lacks, with the digest that was resolved."""
    present = {canonicalize_name(name): version for name, version in python.packages.items()}
    lines = []
    for item in report["install"]:
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        if present.get(canonicalize_name(name)) != version:
            hashes = item["download_info"].get("archive_info", {}).get("hashes", {})
            digest = f" --hash=sha256:{hashes['sha256']}" if "sha256" in hashes else ""
            lines.append(f"{name}=={version}{digest}")
    return lines


def _target(python: SessionPython) -> list[str]:
    options = ["--only-binary=:all:", "--implementation", python.implementation]
    options += ["--python-version", python.version]
    for platform in python.platforms:
        options += ["--platform", platform]
    for abi in python.abis:
        options += ["--abi", abi]
    return options


def _run(
    arguments: list[str],
    python: SessionPython,
    folder: Path,
    cancelled: Cancelled,
    names: Sequence[str],
) -> None:
    general = ["--disable-pip-version-check", "--no-input"]
    command = [sys.executable, "-c", _PIP, json.dumps(python.markers), *general, *arguments]
    environment = {**os.environ, "PIP_NO_COLOR": "1"}
    with subprocess.Popen(  # noqa: S603 - the person's own pip, and names that were checked
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as pip:
        words = _words(pip, cancelled)
    if pip.returncode != 0:
        raise CommandError(_reason(words, names))


def _words(pip: subprocess.Popen[str], cancelled: Cancelled) -> str:
    """Wait for pip; return what it wrote.

    Raises:
        CommandInterruptedError: the person gave up; pip has ended.
    """
    while True:
        try:
            return pip.communicate(timeout=_LOOK_SECONDS)[1]
        except subprocess.TimeoutExpired:
            if cancelled():
                pip.kill()
                raise CommandInterruptedError(
                    "Interrupted while packages were fetched. Nothing was installed."
                ) from None


def _reason(words: str, names: Sequence[str]) -> str:
    """Make a sentence of what pip wrote."""
    asked = ", ".join(names)
    lines = [line for line in words.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if "ERROR" in line] or lines
    if "No module named" in words and "pip" in words:
        return str(_no_pip())
    if "ResolutionImpossible" in words or "conflict" in words:
        return (
            f"{asked} cannot go beside what the session has installed: {_short(errors[:1])} Ask "
            "for another version. Nothing was installed."
        )
    if "No matching distribution" in words or "Could not find a version" in words:
        return (
            f"There is no wheel for {asked}, or for something that it needs, for the session's "
            f"Python: {_short(errors)} A package that is published as source alone cannot be "
            "brought, since it would have to be built. Nothing was installed."
        )
    return f"pip could not fetch {asked}: {_short(errors)} Nothing was installed."


def _short(errors: list[str]) -> str:
    text = " ".join((errors[-1] if errors else "it gave no reason").split())
    # An address may hold a password.
    text = re.sub(r"//[^/@\s]*@", "//", text)
    return text[:_SHOWN_CHARS].rstrip(".") + "."


def _no_pip() -> CommandError:
    return CommandError(
        f"%packages fetches wheels with pip, which the kernel's environment ({sys.prefix}) lacks. "
        "Install pip there. Nothing was installed."
    )
