"""What both generations of the API have in common.

A generation is a translator without a memory: it turns what is asked into `ApiRequest`s and the
bodies of responses into models. The api-version alone decides which of the two speaks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dynamic_sessions_kernel.api_versions import DEFAULT_VERSION, ApiVersion
from dynamic_sessions_kernel.client.http.messages import ApiRequest
from dynamic_sessions_kernel.client.models import PoolMetadata

from .parsing import field, json_listing, json_object, session_info, text, unexpected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynamic_sessions_kernel.client.http.messages import ApiResponse, Body
    from dynamic_sessions_kernel.client.listings import Reading
    from dynamic_sessions_kernel.client.models import ExecutionResult, RemoteFile, SessionInfo

UNKNOWN_RUN = (
    "It is unknown whether the code ran: look at what it would have changed before you run it "
    "again."
)
#: By which header a caller names an execution.
NAME_HEADER = "operation-id"


class Generation(ABC):
    """The calls and responses of one generation, at one api-version.

    Attributes:
        api_version: as it goes into every call.
        limits_output: whether an execution can ask for more than 4096 of output.
    """

    limits_output = False

    def __init__(self, api_version: str) -> None:
        self.api_version = api_version
        self._capabilities = ApiVersion.nearest(api_version)

    @abstractmethod
    def run(self, code: str, seconds: int, max_output: int | None, name: str) -> ApiRequest:
        """Run code, as an execution that `poll` knows by `name`."""

    @abstractmethod
    def ran(self, response: ApiResponse) -> ExecutionResult | str:
        """Return the outcome, or the id of an execution that still runs."""

    @property
    def polls(self) -> bool:
        """Whether an execution can be asked for by its id."""
        return False

    def poll(self, execution_id: str) -> ApiRequest:
        """Ask for an execution that `ran` gave the id of."""
        raise NotImplementedError(execution_id)

    @abstractmethod
    def upload(
        self, directory: str, name: str, size: int, make_body: Callable[[str], Body]
    ) -> ApiRequest:
        """Upload a file; `make_body` takes the name that its part has."""

    @abstractmethod
    def uploaded(self, response: ApiResponse, directory: str) -> RemoteFile:
        """Return the file as the service has it."""

    @abstractmethod
    def list_folder(self, directory: str, *, recursive: bool) -> ApiRequest:
        """List a folder, or as much of it as this generation lists at once."""

    @abstractmethod
    def listed(self, body: Mapping[str, Any], directory: str, *, recursive: bool) -> list[Reading]:
        """Return one page of a listing."""

    @abstractmethod
    def download(self, directory: str, name: str) -> ApiRequest:
        """Download a file."""

    @abstractmethod
    def delete(self, directory: str, name: str) -> ApiRequest:
        """Delete a file."""

    @abstractmethod
    def describe(self, directory: str, name: str) -> ApiRequest:
        """Ask for one file."""

    @abstractmethod
    def described(self, response: ApiResponse, directory: str, name: str) -> RemoteFile | None:
        """Return the file that `describe` asked for; None where the response does not hold it."""

    @property
    def lists_recursively(self) -> bool:
        """Whether one listing can cover the folders inside too."""
        return False

    def select(
        self, files: list[RemoteFile], directory: str, *, recursive: bool
    ) -> list[RemoteFile]:
        """Keep what was asked for of a listing that holds more."""
        del directory, recursive
        return files

    # What follows is the same in each generation. `custom` is whether the pool is one of custom
    # containers, which has these calls below `/.management`.

    def session(self, *, custom: bool = False) -> ApiRequest:
        """Ask for a session's times."""
        doing = "asking for the session"
        if custom:
            return self._sessions_call("POST", ".management/getSession", doing)
        return self._sessions_call("GET", "session", doing)

    def session_told(self, response: ApiResponse) -> SessionInfo:
        """Return a session's times."""
        return session_info(json_object(response), response.doing)

    def delete_session(self, *, custom: bool = False) -> ApiRequest:
        """End a session."""
        doing = "deleting the session"
        if custom:
            return self._sessions_call("POST", ".management/stopSession", doing)
        return self._sessions_call("DELETE", "session", doing)

    def list_sessions(self, skip: int, *, custom: bool = False) -> ApiRequest:
        """List the pool's sessions after the first `skip`."""
        doing = "listing the pool's sessions"
        if custom:
            call = self._sessions_call("POST", ".management/listSessions", doing)
            return call.asking(skip=str(skip))
        call = self._sessions_call("GET", "listSessions", doing)
        return call.asking(skip=str(skip)) if skip else call

    def listing(self, response: ApiResponse) -> Mapping[str, Any]:
        """Return the body of a listing."""
        return json_listing(response)

    def sessions_listed(self, body: Mapping[str, Any]) -> list[SessionInfo]:
        """Return one page of the pool's sessions.

        They stand under `sessions` by the specification, under `value` in custom-container pools.
        """
        doing = "listing the pool's sessions"
        name = "value" if body.get("sessions") is None else "sessions"
        return [session_info(item, doing) for item in items(body, doing, name)]

    def metadata(self) -> ApiRequest:
        """Ask what sessions have installed."""
        return self._sessions_call("GET", "metadata", "asking what is installed")

    def metadata_told(self, response: ApiResponse) -> PoolMetadata:
        """Return what sessions have installed."""
        body = json_object(response)
        runtimes = items(body, response.doing, "runtimes")
        packages = body.get("preInstalledPackages")
        kernel = field(body, "jupyterKernel", dict, response.doing) or {}
        return PoolMetadata(
            tuple(runtimes),
            _packages(packages, response.doing),
            text(kernel, "name", response.doing),
            body,
        )

    def _call(
        self, method: str, path: str, doing: str, directory: str = "", **more: Any
    ) -> ApiRequest:
        params = {"api-version": self.api_version}
        if directory:
            params["path"] = directory
        return ApiRequest(method, path, doing, params, **{"allocates": True, **more})

    def _sessions_call(self, method: str, path: str, doing: str) -> ApiRequest:
        # A pool answers several api-versions, so an older choice keeps it from none of these
        # (LangChain's client, tested live, deletes sessions of a legacy pool so).
        version = self.api_version if self._capabilities.has_sessions else DEFAULT_VERSION
        return ApiRequest(method, path, doing, {"api-version": version})


def items(body: Mapping[str, Any], doing: str, name: str = "value") -> list[Mapping[str, Any]]:
    """Return the objects of a list in a response; empty where it is missing."""
    found = body.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise unexpected(doing, f"has no list of objects in {name}")
    return found


def in_url(path: str) -> str:
    """Return a name or path as part of an address."""
    return quote(path, safe="")


def _packages(packages: Any, doing: str) -> dict[str, str]:
    """Name to version, from a mapping, a list of `name==version`, or a list of objects."""
    if packages is None:
        return {}
    if isinstance(packages, dict):
        return {str(name): str(version or "") for name, version in packages.items()}
    if not isinstance(packages, list):
        raise unexpected(doing, "has no list of packages")
    found = {}
    for package in packages:
        if isinstance(package, dict):
            found[str(package.get("name", ""))] = str(package.get("version") or "")
        else:
            name, _, version = str(package).partition("==")
            found[name] = version
    return found
