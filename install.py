"""Install the kernel for the person who runs this, show that it works, and take it away again.

It exists so that two commands lead from a clone to a notebook on a machine that has Python alone:
hence the standard library only, and a syntax that older Pythons can read far enough to be told
what is missing.

The package goes into a private environment in this folder as a wheel built from it, not as a link
to its sources: what runs is what was installed, also while the clone is on another branch.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        "dynamic-sessions-kernel needs Python 3.11 or later, and this is Python "
        f"{sys.version_info[0]}.{sys.version_info[1]} ({sys.executable}).\n"
        "Nothing was installed. Run install.py with a newer one, for example: "
        "python3.12 install.py"
    )

import argparse
import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent
VENV = CHECKOUT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
#: What was installed where; also the mark of an environment that is ours to remove.
RECORD = VENV / "install-record.json"
LOG = VENV / "install.log"
TEMPLATE = CHECKOUT / "kernelspec"
DEFAULT_NAME = "dynamic-sessions"
ENDPOINT_VARIABLE = "AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT"
HOSTS_VARIABLE = "DYNAMIC_SESSIONS_TOKEN_HOSTS"
#: Where `--lab` works: what people write there is theirs, and stays when the clone goes.
NOTEBOOKS = Path.home() / "dynamic-sessions"

#: What pip says when its index does not answer, or answers with nothing.
NETWORK_TROUBLE = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeoutError|ReadTimeoutError|ProxyError"
    r"|SSLError|Could not fetch URL|Connection (?:refused|reset|aborted)|\(from versions: none\)"
)


class InstallError(Exception):
    """What stopped the installation, and what to do, as the person reads it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for and return the exit status."""
    options = parse(arguments)
    try:
        return run(options)
    except InstallError as error:
        print(f"\n{error}", file=sys.stderr)
    except OSError as error:
        print(f"\nStopped: {error}. Run install.py again when that is fixed.", file=sys.stderr)
    except KeyboardInterrupt:
        print(
            "\nInterrupted. Run install.py again: it completes what is half done.", file=sys.stderr
        )
        return 130
    return 1


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line, refusing what would only fail later."""
    parser = argparse.ArgumentParser(
        prog="install.py",
        description="Install the Dynamic Sessions kernel for you, and run a short tour on it.",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--test", action="store_true", help="run the project's tests instead")
    what.add_argument("--lab", action="store_true", help="open the tour in JupyterLab instead")
    what.add_argument("--uninstall", action="store_true", help="remove what install.py installed")
    parser.add_argument(
        "--name", help="the kernel's name for Jupyter; with --uninstall, remove that kernel alone"
    )
    parser.add_argument("--display-name", help="what front ends show")
    parser.add_argument(
        "--endpoint",
        metavar="URL",
        help="pool management endpoint of an Azure pool; '' for the embedded pool; left out, "
        "an endpoint that was given before is kept",
    )
    options = parser.parse_args(arguments)
    if options.name and not re.fullmatch(r"[A-Za-z0-9._-]+", options.name):
        parser.error("--name takes letters, digits, '.', '_' and '-' only")
    refusal = refuse_endpoint(options.endpoint) if options.endpoint else None
    if refusal:
        parser.error(
            "--endpoint takes an address such as https://westus2.dynamicsessions.io/… "
            f"{refusal} Nothing was written."
        )
    return options


def refuse_endpoint(text: str) -> str | None:
    """Return why the kernel would send no token to this endpoint; None if it would."""
    # The sources of this clone decide, as the kernel will, and leave no compiled files in it.
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(CHECKOUT / "kernel"))
    from dynamic_sessions_kernel.client.endpoint import parse_endpoint
    from dynamic_sessions_kernel.errors import SettingsError

    try:
        where = parse_endpoint(text, os.environ.get(HOSTS_VARIABLE, ""))
    except SettingsError as error:
        return str(error)
    if where.takes_token:
        return None
    return (
        f"{where.host} is no host of Azure's pools, and gets no token of yours. If you trust it, "
        f"set {HOSTS_VARIABLE} to its name and run this again."
    )


def run(options: argparse.Namespace) -> int:
    """Carry out one of the four things that install.py does."""
    if options.uninstall:
        with alone():
            return uninstall_kernel(options.name) if options.name else uninstall()
    if options.test:
        with alone():
            prepare_environment()
            install_package("test")
        return test()
    with alone():
        prepare_environment()
        install_package("local,notebook" if options.lab else "local")
        name = options.name or DEFAULT_NAME
        install_kernelspec(name, options.display_name, options.endpoint)
    if options.lab:
        return lab()
    return examine(name) if options.endpoint else tour(name)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Keep a second install.py from working in this folder at the same time."""
    try:
        import fcntl
    except ImportError:  # Windows: two at once spoil each other, and the next run repairs it
        yield
        return
    with Path(__file__).open(encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InstallError(
                "Another install.py is at work in this folder. Wait until it has finished."
            ) from None
        yield


# The private environment


def prepare_environment() -> None:
    """Make `.venv` with this Python, unless a whole one is there already."""
    if VENV.exists() and not RECORD.exists():
        raise InstallError(
            f"{VENV} was not made by install.py and was left alone. "
            "Move it away, then run install.py again."
        )
    record = read_record()
    if record["whole"] and environment_works():
        return
    if importlib.util.find_spec("ensurepip") is None:
        raise InstallError(
            "This Python cannot make virtual environments. Nothing was installed.\n"
            "On Debian and Ubuntu: sudo apt install python3-venv, then run install.py again."
        )
    if Path(sys.prefix) == VENV:
        raise InstallError("Leave this environment (deactivate), then run install.py again.")
    say(f"Making an environment in {VENV}")
    try:
        if VENV.exists():
            shutil.rmtree(VENV)
        VENV.mkdir()
        write_record(record | {"whole": False})
    except OSError as error:
        raise InstallError(
            f"Cannot write in {CHECKOUT} ({error.strerror}). Nothing was installed.\n"
            "Clone into a folder of your own, then run its install.py."
        ) from None
    logged([sys.executable, "-m", "venv", str(VENV)], "The environment could not be made.")


def environment_works() -> bool:
    """Whether `.venv` runs, has pip, and is of the Python that runs this."""
    try:
        answer = subprocess.run(
            [PYTHON, "-m", "pip", "--version"],
            capture_output=True,
            text=True,
            check=False,
            env=clean_environment(),
        )
    except OSError:
        return False
    wanted = f"(python {sys.version_info.major}.{sys.version_info.minor})"
    return answer.returncode == 0 and wanted in answer.stdout


def install_package(extras: str) -> None:
    """Build this folder's package and install it with `extras`."""
    say("Installing the kernel and what it needs (a minute or two the first time)")
    started = time.monotonic()
    write_record(read_record() | {"whole": False})
    logged(
        [str(PYTHON), "-m", "pip", "install", f".[{extras}]"],
        "pip could not install the kernel.",
    )
    write_record(read_record() | {"whole": True})
    say(f"Installed in {time.monotonic() - started:.0f} s")


def logged(command: list[str], failure: str) -> None:
    """Run `command` quietly; when it fails, say `failure`, show its last words and the reason."""
    with LOG.open("a", encoding="utf-8") as log:
        start = log.tell()
        code = subprocess.run(
            command,
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,  # a question that nobody sees must fail, not hang
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
            env=clean_environment(),
        ).returncode
    if code == 0:
        return
    output = LOG.read_bytes()[start:].decode(errors="replace")
    advice = "Fix that, then run install.py again."
    if NETWORK_TROUBLE.search(output):
        advice = (
            "The package index could not be reached, or has not what is needed. Check the network "
            "and the proxy variables, or name another index in PIP_INDEX_URL; then run install.py "
            "again."
        )
    tail = "\n".join(f"    {line}" for line in output.splitlines()[-12:])
    raise InstallError(f"{failure} Its last words (all of them are in {LOG}):\n{tail}\n{advice}")


def clean_environment() -> dict[str, str]:
    """Return our variables without those that would mix other packages into `.venv`.

    Other `PIP_` variables hold: they are how a person names an index, a proxy or a certificate.
    """
    mixed = {"PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "__PYVENV_LAUNCHER__"}
    kept = {name: value for name, value in os.environ.items() if name not in mixed}
    # The user's kernelspecs, which carry the endpoint, go before the one in the wheel.
    return kept | {"PIP_USER": "0", "JUPYTER_PREFER_ENV_PATH": "0"}


def read_record() -> dict[str, Any]:
    """Return what was installed; an unreadable record counts as an interrupted installation."""
    record: dict[str, Any] = {"whole": False, "kernelspecs": []}
    with contextlib.suppress(OSError, ValueError, TypeError):
        record |= json.loads(RECORD.read_text(encoding="utf-8"))
    return record


def write_record(record: dict[str, Any]) -> None:
    """Keep what was installed."""
    write_whole(RECORD, json.dumps(record, indent=2))


def write_whole(path: Path, text: str) -> None:
    """Write `path` so that nobody ever reads half of it."""
    half = path.with_name(path.name + ".half")
    half.write_text(text + "\n", encoding="utf-8")
    half.replace(path)


# The kernelspec


def install_kernelspec(name: str, display_name: str | None, endpoint: str | None) -> None:
    """Write the kernelspec for the user, and remember it for `--uninstall`."""
    folder = kernels_folder() / name
    record = read_record()
    before = read_kernelspec(folder)
    # A folder in the record without a kernel.json is an installation that was interrupted.
    if before is None and folder.exists() and str(folder) not in record["kernelspecs"]:
        raise InstallError(f"{folder} is something else's and was left alone. Give another --name.")
    if before is not None and "dynamic_sessions_kernel" not in before["argv"]:
        raise InstallError(f"{name} is another kernel ({folder}). Give another --name.")
    if before is not None and not is_ours(before):
        say(f"Replacing the kernelspec of another installation ({before['argv'][0]})")
    record["kernelspecs"] = sorted({*record["kernelspecs"], str(folder)})
    write_record(record)
    folder.mkdir(parents=True, exist_ok=True)
    for logo in TEMPLATE.glob("logo-*"):
        shutil.copyfile(logo, folder / logo.name)
    spec = compose_kernelspec(name, display_name, endpoint, before or {})
    write_whole(folder / "kernel.json", json.dumps(spec, indent=2))
    say(f"Jupyter now lists {spec['display_name']!r} ({folder})")


def compose_kernelspec(
    name: str, display_name: str | None, endpoint: str | None, before: dict[str, Any]
) -> dict[str, Any]:
    """Return the kernelspec; what a person chose `before` holds until they choose anew."""
    spec: dict[str, Any] = json.loads((TEMPLATE / "kernel.json").read_text(encoding="utf-8"))
    # Jupyter runs a bare "python" with its own interpreter, which lacks this package.
    spec["argv"][0] = str(PYTHON)
    if name != DEFAULT_NAME:
        # VS Code hides all but one of several kernels that share display name and interpreter.
        spec["display_name"] = f"{spec['display_name']}: {name}"
    spec["display_name"] = display_name or before.get("display_name") or spec["display_name"]
    variables = dict(before.get("env", {}))
    if endpoint:
        variables[ENDPOINT_VARIABLE] = endpoint
        if os.environ.get(HOSTS_VARIABLE):
            variables[HOSTS_VARIABLE] = os.environ[HOSTS_VARIABLE]
    elif endpoint is not None:
        variables.pop(ENDPOINT_VARIABLE, None)
    return spec | ({"env": variables} if variables else {})


def kernels_folder() -> Path:
    """Ask Jupyter where this user's kernelspecs are."""
    command = "from jupyter_core.paths import jupyter_data_dir; print(jupyter_data_dir())"
    answer = subprocess.run(
        [PYTHON, "-c", command],
        capture_output=True,
        encoding="utf-8",
        check=True,
        env=clean_environment() | {"PYTHONUTF8": "1"},
    )
    return Path(answer.stdout.rstrip("\r\n")) / "kernels"


def read_kernelspec(folder: Path) -> dict[str, Any] | None:
    """Return the kernelspec in `folder`, None where there is none that can be read."""
    try:
        spec = json.loads((folder / "kernel.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return spec if isinstance(spec, dict) and isinstance(spec.get("argv"), list) else None


def is_ours(spec: dict[str, Any]) -> bool:
    """Whether this checkout's installation wrote `spec`."""
    argv: list[str] = spec["argv"]
    return argv[:1] == [str(PYTHON)] and "dynamic_sessions_kernel" in argv


def uninstall() -> int:
    """Remove the kernelspecs, the embedded pool and the environment, and nothing else."""
    if not RECORD.exists():
        say("Nothing here was installed by install.py.")
        say(f"Should Jupyter list the kernel still: jupyter kernelspec remove {DEFAULT_NAME}")
        return 0
    for folder in map(Path, read_record()["kernelspecs"]):
        remove_kernelspec(folder)
    end_pool()
    shutil.rmtree(VENV)
    say(f"Removed {VENV}")
    if NOTEBOOKS.exists():
        say(f"Your notebooks in {NOTEBOOKS} were left alone.")
    return 0


def uninstall_kernel(name: str) -> int:
    """Remove one kernelspec that install.py made; everything else goes on."""
    record = read_record()
    for folder in map(Path, record["kernelspecs"]):
        if folder.name == name:
            remove_kernelspec(folder)
            record["kernelspecs"].remove(str(folder))
            write_record(record)
            return 0
    raise InstallError(f"install.py has installed no kernel {name} from here. Nothing was removed.")


def remove_kernelspec(folder: Path) -> None:
    """Remove what install.py wrote into a kernelspec's folder, if it is still ours."""
    spec = read_kernelspec(folder)
    if (folder / "kernel.json").exists() and (spec is None or not is_ours(spec)):
        say(f"{folder} is no longer this installation's and was left alone")
        return
    for written in [*TEMPLATE.glob("logo-*"), TEMPLATE / "kernel.json"]:
        (folder / written.name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty: the rest is the person's
        folder.rmdir()
    say(f"Removed {folder}")


def end_pool() -> None:
    """End the environment's embedded pool with its sessions, and remove its lock and log."""
    module = "dynamic_sessions_kernel.localpool.shared.remove"
    with contextlib.suppress(OSError):  # half an environment has no Python, and had no pool
        subprocess.run([PYTHON, "-P", "-m", module], check=False, env=clean_environment())


# What is done with the installation


def tour(name: str) -> int:
    """Run the tour through the kernel as Jupyter finds it, in this terminal."""
    script = CHECKOUT / "examples" / "run_tour.py"
    return hand_over([str(script), name, "--save", str(VENV / "tour")], CHECKOUT)


def examine(name: str) -> int:
    """Try each step from here to a cell in the pool, and say what to do about one that fails."""
    say("\nTrying the pool (the doctor, which `python -m dynamic_sessions_kernel doctor` repeats)")
    command = ["-P", "-m", "dynamic_sessions_kernel", "doctor", "--name", name]
    return hand_over(command, CHECKOUT)


def lab() -> int:
    """Open the tour in JupyterLab until the person ends it, on copies that are the person's."""
    NOTEBOOKS.mkdir(exist_ok=True)
    for original in (CHECKOUT / "examples" / name for name in ("tour.ipynb", "readings.csv")):
        if not (NOTEBOOKS / original.name).exists():
            shutil.copyfile(original, NOTEBOOKS / original.name)
    say(f"Your notebooks are in {NOTEBOOKS}")
    root = ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    return hand_over(["-m", "jupyterlab", *root, str(NOTEBOOKS / "tour.ipynb")], NOTEBOOKS)


def test() -> int:
    """Run the whole test suite, files of it beside each other, and show its coverage."""
    programs = {"bwrap": "bubblewrap", "chromium": "chromium", "npm": "npm"}
    missing = [package for program, package in programs.items() if shutil.which(program) is None]
    if missing:
        say(f"Tests are left out that need what is missing: {', '.join(missing)}.")
        say(f"On Debian and Ubuntu: sudo apt install {' '.join(missing)}")
    # One more than there are processors, since tests wait more than they compute.
    workers = min((os.cpu_count() or 1) + 1, 4)
    return hand_over(
        ["-m", "pytest", "--cov", f"--numprocesses={workers}", "--dist=loadfile"], CHECKOUT
    )


def hand_over(arguments: list[str], folder: Path) -> int:
    """Have the environment's Python go on in this terminal; returns its exit status, if at all.

    Signals are its own to answer: Jupyter asks at Ctrl-C, and ends its kernels before itself.
    """
    command = [str(PYTHON), *arguments]
    os.chdir(folder)
    if os.name == "posix":
        os.execve(PYTHON, command, clean_environment())  # noqa: S606 - no shell is wanted
    # Elsewhere a process cannot become another, so this one waits; Ctrl-C reaches both.
    signal.signal(signal.SIGINT, lambda *_: None)
    return subprocess.run(command, check=False, env=clean_environment()).returncode


def say(sentence: str) -> None:
    """Tell the person, at once even where output is piped."""
    print(sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main())
