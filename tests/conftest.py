"""What every room's tests share: an embedded pool, and notebooks without a front end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from dynamic_sessions_kernel.settings import all_settings
from tests.support.notebook import Notebook
from tests.support.pool import LocalPool, running_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[1]
KERNEL_NAME = "dynamic-sessions"


#: What each marker is known by, so that no test has to be remembered: fixtures that start or fetch
#: something, and folders in which every test does.
_FIXTURES = {
    "slow": {"local_pool", "start_notebook", "new_manager", "start_pool", "shared_pool"}
    | {"pool_address", "address", "pool_of", "full_pool", "interpreter", "runner", "clone"},
    "browser": {"chromium", "lab", "npm_packages"},
    "network": {"source_of", "installer"},
}
_FOLDERS = {
    "slow": (
        *("runtimes/bridge", "localpool", "project", "reliability", "session", "frontends"),
        "doctor",
    ),
    "browser": ("frontends",),
    "network": ("project",),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by what it needs."""
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parent.as_posix()
        fixtures = set(getattr(item, "fixturenames", ()))
        for marker, names in _FIXTURES.items():
            if fixtures & names or folder.startswith(_FOLDERS[marker]):
                item.add_marker(marker)


@pytest.fixture(scope="session")
def local_pool() -> Iterator[LocalPool]:
    """An embedded pool, started as a person would."""
    with running_pool("--max-sessions", "40") as pool:
        yield pool


@pytest.fixture(scope="session")
def jupyter_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment without the person's settings, and with Jupyter folders of the tests'."""
    ours = {setting.environment for setting in all_settings().values()}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    folder = tmp_path_factory.mktemp("jupyter")
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        environment[name] = str(folder / name.lower())
    return environment


@pytest.fixture(scope="session")
def new_manager(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., KernelManager]:
    """Make a manager, of this class or another, that starts our kernel from the kernelspec."""
    folder = tmp_path_factory.mktemp("kernels")
    (folder / KERNEL_NAME).symlink_to(ROOT / "kernelspec")
    specs = KernelSpecManager(kernel_dirs=[str(folder)])

    def make(manager: type[KernelManager] = KernelManager) -> KernelManager:
        return manager(kernel_name=KERNEL_NAME, kernel_spec_manager=specs)

    return make


@pytest.fixture(scope="session")
def start_notebook(
    jupyter_environment: dict[str, str],
    new_manager: Callable[..., KernelManager],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Notebook]:
    """Start a kernel from the kernelspec; the caller closes the notebook."""
    folder = tmp_path_factory.mktemp("notebooks")

    def start(settings: dict[str, str], cwd: Path | None = None, **options: Any) -> Notebook:
        manager = new_manager()
        manager.start_kernel(
            env={**jupyter_environment, **settings},
            cwd=str(cwd or folder),
            **{"stderr": None, **options},
        )
        try:
            return Notebook(manager)
        except BaseException:
            manager.shutdown_kernel(now=True)
            raise

    return start


class Judged:
    """Runs jupyter_kernel_test's `KernelTests` on our kernel; mixed in before it.

    Attributes:
        runtime: the runtime that is judged.
        first_cell: runs before the suite, which allows a cell so many seconds.
    """

    runtime: ClassVar[str]
    first_cell: ClassVar[str] = "1"
    kernel_name = KERNEL_NAME
    language_name = "python"
    file_extension = ".py"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _kernel(
        cls, local_pool: LocalPool, start_notebook: Callable[..., Notebook]
    ) -> Iterator[None]:
        notebook = start_notebook(
            {**local_pool.environment, "DYNAMIC_SESSIONS_RUNTIME": cls.runtime}
        )
        notebook.run(cls.first_cell, timeout=120)
        cls.km, cls.kc = notebook.manager, notebook.client
        yield
        notebook.close()

    @classmethod
    def setUpClass(cls) -> None:
        """The fixture starts the kernel."""

    @classmethod
    def tearDownClass(cls) -> None:
        """The fixture ends it."""


@pytest.fixture(scope="module")
def direct(local_pool: LocalPool, start_notebook: Callable[..., Notebook]) -> Iterator[Notebook]:
    """A notebook on the direct runtime, shared by the tests of a module."""
    notebook = start_notebook({**local_pool.environment, "DYNAMIC_SESSIONS_RUNTIME": "direct"})
    yield notebook
    notebook.close()


@pytest.fixture
def new_notebook(
    local_pool: LocalPool, start_notebook: Callable[..., Notebook]
) -> Iterator[Callable[..., Notebook]]:
    """Start notebooks of the test's own, on the direct runtime unless told otherwise."""
    started: list[Notebook] = []

    def start(cwd: Path | None = None, **settings: str) -> Notebook:
        chosen = {"DYNAMIC_SESSIONS_RUNTIME": "direct", **local_pool.environment, **settings}
        started.append(start_notebook(chosen, cwd))
        return started[-1]

    yield start
    for notebook in started:
        notebook.close()
