"""What kinds of pools answer differently: each profile is one table of shapes.

A profile says how a pool writes its answers; the api-version says which calls there are. The two
are independent, except where a kind of pool lacks the calls of a version.

Source of each row: docs/service.md, in the sections "API generations", "Files", "Errors" and
"Pool types". What no source says is marked C there, and beside the row here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_MEBIBYTE_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class JupyterKernel:
    """What `/metadata` calls the kernel of a pool's sessions.

    Attributes:
        version: empty for the one that is installed here.
    """

    name: str
    version: str
    url: str
    description: str


@dataclass(frozen=True, slots=True)
class Profile:
    """The shapes of one kind of pool.

    Attributes:
        name: as the command line has it.
        kernel: what `/metadata` says of the sessions' kernel.
        runtime: the name of the language in `/metadata`.
        runs: what happens to our code: it runs, its body is refused, or it is another language.
        file_type, folder_type: the `type` of an entry.
        top: the `directory` of an entry at the top of `/mnt/data`.
        describes_uploads: whether the answer to an upload has `contentType` and `type`.
        describes_executions: whether the answer to an execution has headers about it.
        from_listed_folder: whether a recursive listing's `directory` begins at the folder listed.
        bare_arrays: whether listings and uploads are an array and no object.
        null_next_link: whether `nextLink` is there, and null, on the last page.
        current_data: whether the current generation's `/executions` and `/files` are there.
        legacy_data: whether the legacy generation's calls are there.
        sessions: where sessions are listed and ended: at `/session`, or at `/.management`.
        largest_file_bytes: what an upload may have.
        longest_run_seconds: what an execution may take; the pool's own limit may be lower.
    """

    name: str
    kernel: JupyterKernel
    runtime: str = "Python"
    runs: Literal["python", "refused", "javascript"] = "python"
    file_type: str = "File"
    folder_type: str = "Directory"
    top: str = ""
    describes_uploads: bool = True
    describes_executions: bool = True
    from_listed_folder: bool = False
    bare_arrays: bool = False
    null_next_link: bool = False
    current_data: bool = True
    legacy_data: bool = True
    sessions: Literal["session", "management"] = "session"
    largest_file_bytes: int = 128 * _MEBIBYTE_BYTES
    longest_run_seconds: float = 220


_IPYKERNEL = JupyterKernel(
    "ipykernel", "", "https://github.com/ipython/ipykernel", "The IPython kernel for Jupyter."
)
_BASH = JupyterKernel(
    "bash", "5.2", "https://www.gnu.org/software/bash/", "Commands of a shell, one at a time."
)
_JAVASCRIPT = JupyterKernel(
    "IJavascript", "5.2.1", "https://github.com/n-riesco/ijavascript", "Runs JavaScript in Node.js."
)

#: The published definitions of 2025-10-02-preview. Its example of a recursive listing has
#: directories relative to the folder that was listed.
SPECIFICATION = Profile("specification", _IPYKERNEL, null_next_link=True, from_listed_folder=True)
#: Newer images of Microsoft's interpreter container.
CONTAINER = Profile(
    "container",
    _IPYKERNEL,
    file_type="file",
    folder_type="directory",
    top=".",
    describes_uploads=False,
)
#: A pool whose code and files go through the calls of 2024-02-02-preview alone. The later calls
#: about sessions work there: LangChain's client, tested live, ends its sessions so.
LEGACY = Profile("legacy", _IPYKERNEL, current_data=False)
#: Microsoft's interpreter image in a custom-container pool: the container has no legacy calls.
CUSTOM_CONTAINER = Profile(
    "custom-container",
    _IPYKERNEL,
    file_type="file",
    folder_type="directory",
    top=".",
    describes_executions=False,
    bare_arrays=True,
    legacy_data=False,
    sessions="management",
    largest_file_bytes=250 * _MEBIBYTE_BYTES,
    longest_run_seconds=120,
)
#: A Shell pool, asked to run Python.
SHELL = Profile("shell", _BASH, runtime="Shell", runs="refused")
#: A Node pool, asked to run Python. What it says of code that is no JavaScript is C.
NODE = Profile("node", _JAVASCRIPT, runtime="node", runs="javascript")

PROFILES = {
    profile.name: profile
    for profile in (SPECIFICATION, CONTAINER, LEGACY, CUSTOM_CONTAINER, SHELL, NODE)
}
