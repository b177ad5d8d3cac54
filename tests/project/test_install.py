"""install.py: what it installs, what it leaves alone, and what it says when it cannot."""

from __future__ import annotations

import ast
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ENDPOINT = "https://westus2.dynamicsessions.io/subscriptions/s/resourceGroups/g/sessionPools/p"
VARIABLE = "AZURE_DYNAMIC_SESSIONS_POOL_MANAGEMENT_ENDPOINT"


def run_install(clone: Path, *arguments: str, before: str = "", **variables: str):
    """Run the clone's install.py as a person does; `before` changes the Python that runs it."""
    start = (
        "import runpy, sys\n"
        f"{before}\n"
        f"sys.argv = ['install.py', *{arguments!r}]\n"
        "runpy.run_path('install.py', run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-c", start],
        cwd=clone,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def kernel_json(folder: Path) -> dict:
    return json.loads((folder / "kernel.json").read_text(encoding="utf-8"))


# What the machine lacks


def test_an_old_python_can_read_install_py(clone: Path) -> None:
    ast.parse((clone / "install.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_an_old_python_is_told_what_is_needed(clone: Path) -> None:
    ended = run_install(clone, before="sys.version_info = (3, 9, 18)")
    assert ended.returncode == 1
    assert "needs Python 3.11 or later, and this is Python 3.9" in ended.stderr
    assert "Nothing was installed" in ended.stderr
    assert not (clone / ".venv").exists()


def test_a_python_without_venv_names_the_package(clone: Path) -> None:
    ended = run_install(clone, before="sys.modules['ensurepip'] = None")
    assert ended.returncode == 1
    assert "sudo apt install python3-venv" in ended.stderr
    assert not (clone / ".venv").exists()


def test_without_network_pip_is_quoted_and_the_index_named(clone: Path) -> None:
    (clone / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["nowhere-to-be-found"]\nbuild-backend = "none"\n'
    )
    nowhere = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_RETRIES": "0",
    }
    ended = run_install(clone, **nowhere)
    assert ended.returncode == 1
    assert "pip could not install the kernel" in ended.stderr
    assert "No matching distribution found for nowhere-to-be-found" in ended.stderr
    assert "PIP_INDEX_URL" in ended.stderr
    assert "Traceback" not in ended.stderr
    record = json.loads((clone / ".venv" / "install-record.json").read_text())
    assert record["whole"] is False, "the next run must begin anew"


# What is there already


def test_an_environment_of_somebody_else_is_left_alone(clone: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / "theirs").touch()
    ended = run_install(clone)
    assert ended.returncode == 1
    assert "was not made by install.py" in ended.stderr
    assert (clone / ".venv" / "theirs").exists()


def test_a_whole_environment_is_used_again(installer) -> None:
    (installer.VENV / "sign").touch()
    installer.prepare_environment()
    assert (installer.VENV / "sign").exists()


def test_an_interrupted_environment_is_made_anew_and_its_kernels_remembered(installer) -> None:
    (installer.VENV / "sign").touch()
    installer.write_record({"whole": False, "kernelspecs": ["/some/kernel"]})
    installer.prepare_environment()
    assert not (installer.VENV / "sign").exists()
    assert installer.environment_works()
    assert installer.read_record() == {"whole": False, "kernelspecs": ["/some/kernel"]}


def test_a_second_install_at_the_same_time_is_refused(clone: Path) -> None:
    with (clone / "install.py").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        ended = run_install(clone)
    assert ended.returncode == 1
    assert "Another install.py is at work" in ended.stderr


# The command line


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--name", "two words"), "letters, digits"),
        (("--name", "../elsewhere"), "letters, digits"),
        (("--endpoint", "westus2.dynamicsessions.io"), "an address such as"),
        (("--endpoint", "http://westus2.dynamicsessions.io/p"), "over plain HTTP"),
        (("--endpoint", "https://pools.example.com/p"), "is no host of Azure's pools"),
        (("--test", "--uninstall"), "not allowed with"),
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_happens(clone, arguments, reason) -> None:
    ended = run_install(clone, *arguments)
    assert ended.returncode == 2
    assert reason in ended.stderr
    assert not (clone / ".venv").exists()


def test_a_foreign_host_that_the_person_names_is_for_the_kernel_too(
    installer, jupyter_home: Path, monkeypatch
) -> None:
    foreign = "https://pools.example.com/p"
    monkeypatch.setenv("DYNAMIC_SESSIONS_TOKEN_HOSTS", "pools.example.com")
    assert installer.parse(["--endpoint", foreign]).endpoint == foreign
    installer.install_kernelspec("own", None, foreign)
    assert kernel_json(jupyter_home / "kernels" / "own")["env"] == {
        VARIABLE: foreign,
        "DYNAMIC_SESSIONS_TOKEN_HOSTS": "pools.example.com",
    }


# The kernelspec


def test_the_kernelspec_is_the_users_and_has_the_absolute_interpreter(
    installer, jupyter_home: Path
) -> None:
    installer.install_kernelspec("dynamic-sessions", None, None)
    folder = jupyter_home / "kernels" / "dynamic-sessions"
    assert kernel_json(folder) == {
        "argv": [
            str(installer.PYTHON),
            "-P",
            "-m",
            "dynamic_sessions_kernel",
            "-f",
            "{connection_file}",
        ],
        "display_name": "Dynamic Sessions (Python)",
        "language": "python",
        "interrupt_mode": "message",
        "metadata": {"debugger": True, "supported_encryption": ["curve"]},
    }
    logos = {"logo-32x32.png", "logo-64x64.png", "logo-svg.svg"}
    assert {file.name for file in folder.iterdir()} == {"kernel.json"} | logos


def test_an_endpoint_is_kept_until_it_is_taken_back(installer, jupyter_home: Path) -> None:
    folder = jupyter_home / "kernels" / "azure"
    installer.install_kernelspec("azure", "Big machine", ENDPOINT)
    installer.install_kernelspec("azure", None, None)
    assert kernel_json(folder)["env"] == {VARIABLE: ENDPOINT}
    assert kernel_json(folder)["display_name"] == "Big machine"
    installer.install_kernelspec("azure", None, "")
    assert "env" not in kernel_json(folder)


def test_an_endpoint_is_tried_once_it_is_set(installer, clone: Path, jupyter_home: Path) -> None:
    # What the fixture has made already needs no pip.
    script = (
        "import sys; sys.path.insert(0, '.'); import install\n"
        "install.prepare_environment = lambda: None\n"
        "install.install_package = lambda extras: None\n"
        "sys.exit(install.main(['--endpoint', 'http://127.0.0.1:9/p', '--name', 'tried']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=clone,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 1
    findings = [" ".join(line.split()) for line in ended.stdout.splitlines()]
    assert any(line.startswith("ok kernelspec 'Dynamic") for line in findings), ended.stdout
    assert any(line.startswith("FAILED connection 127.0.0.1") for line in findings), ended.stdout
    assert kernel_json(jupyter_home / "kernels" / "tried")["env"] == {
        VARIABLE: "http://127.0.0.1:9/p"
    }


def test_a_second_kernel_gets_a_display_name_of_its_own(installer, jupyter_home: Path) -> None:
    installer.install_kernelspec("dynamic-sessions", None, None)
    installer.install_kernelspec("azure", None, ENDPOINT)
    names = {kernel_json(file)["display_name"] for file in (jupyter_home / "kernels").iterdir()}
    assert names == {"Dynamic Sessions (Python)", "Dynamic Sessions (Python): azure"}


def test_another_kernel_of_that_name_is_left_alone(installer, jupyter_home: Path) -> None:
    folder = jupyter_home / "kernels" / "mine"
    folder.mkdir(parents=True)
    theirs = {"argv": ["python", "-m", "ipykernel_launcher"], "display_name": "Mine"}
    (folder / "kernel.json").write_text(json.dumps(theirs))
    with pytest.raises(installer.InstallError, match=r"another kernel.*--name"):
        installer.install_kernelspec("mine", None, None)
    assert kernel_json(folder) == theirs


def test_a_folder_that_is_no_kernel_is_left_alone(installer, jupyter_home: Path) -> None:
    folder = jupyter_home / "kernels" / "mine"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text("not json")
    with pytest.raises(installer.InstallError, match="something else's"):
        installer.install_kernelspec("mine", None, None)
    assert (folder / "kernel.json").read_text() == "not json"


def test_the_kernelspec_of_another_clone_is_replaced_and_that_is_said(
    installer, jupyter_home: Path, capsys
) -> None:
    folder = jupyter_home / "kernels" / "dynamic-sessions"
    folder.mkdir(parents=True)
    other = {"argv": ["/old/python", "-m", "dynamic_sessions_kernel"], "display_name": "Old"}
    (folder / "kernel.json").write_text(json.dumps(other))
    installer.install_kernelspec("dynamic-sessions", None, None)
    assert kernel_json(folder)["argv"][0] == str(installer.PYTHON)
    assert "/old/python" in capsys.readouterr().out


# Uninstalling


def test_uninstall_removes_what_was_installed_and_only_that(
    installer, jupyter_home: Path, clone: Path
) -> None:
    kernels = jupyter_home / "kernels"
    installer.install_kernelspec("dynamic-sessions", None, None)
    installer.install_kernelspec("azure", None, ENDPOINT)
    (kernels / "azure" / "notes.txt").touch()
    (kernels / "other").mkdir()
    before = {file.name for file in clone.iterdir()}
    assert installer.main(["--uninstall"]) == 0
    left = {str(path.relative_to(kernels)) for path in kernels.rglob("*")}
    assert left == {"azure", "azure/notes.txt", "other"}
    assert {file.name for file in clone.iterdir()} == before - {".venv"}


def test_uninstall_leaves_a_kernelspec_that_another_clone_took_over(
    installer, jupyter_home: Path, capsys
) -> None:
    installer.install_kernelspec("dynamic-sessions", None, None)
    taken = jupyter_home / "kernels" / "dynamic-sessions" / "kernel.json"
    taken.write_text(
        json.dumps({"argv": ["/new/python", "-m", "dynamic_sessions_kernel"], "display_name": "N"})
    )
    assert installer.main(["--uninstall"]) == 0
    assert taken.exists()
    assert "left alone" in capsys.readouterr().out
    assert not installer.VENV.exists()


def test_uninstall_of_one_name_removes_that_kernel_alone(
    installer, jupyter_home: Path, capsys
) -> None:
    installer.install_kernelspec("dynamic-sessions", None, None)
    installer.install_kernelspec("azure", None, ENDPOINT)
    assert installer.main(["--uninstall", "--name", "azure"]) == 0
    assert [folder.name for folder in (jupyter_home / "kernels").iterdir()] == ["dynamic-sessions"]
    assert installer.environment_works()
    assert installer.main(["--uninstall", "--name", "azure"]) == 1
    assert "no kernel azure" in capsys.readouterr().err
    assert installer.main(["--uninstall"]) == 0
    assert list((jupyter_home / "kernels").iterdir()) == []


def test_uninstall_where_nothing_is_installed_says_so(clone: Path) -> None:
    ended = run_install(clone, "--uninstall")
    assert ended.returncode == 0
    assert "Nothing here was installed" in ended.stdout
