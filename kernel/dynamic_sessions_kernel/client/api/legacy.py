"""The legacy generation of the API: `/code/execute`, bodies under `properties` (early 2024).

It has no polling, no call for one file and no `path` parameter. A file's name can hold its folders
(so LangChain's client sends them), so folders work as far as the service takes such names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from dynamic_sessions_kernel.client.http.messages import json_body
from dynamic_sessions_kernel.client.listings import Reading
from dynamic_sessions_kernel.client.models import ExecutionResult

from .base import NAME_HEADER, UNKNOWN_RUN, Generation, items
from .parsing import (
    field,
    image,
    json_listing,
    json_object,
    moment,
    new_allocation,
    remote_file,
    result_value,
    text,
    unexpected,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynamic_sessions_kernel.client.http.messages import ApiRequest, ApiResponse, Body
    from dynamic_sessions_kernel.client.models import RemoteFile

_STATUS: dict[str, Literal["Succeeded", "Failed", "Canceled"]] = {
    "success": "Succeeded",
    "succeeded": "Succeeded",
    "failure": "Failed",
    "failed": "Failed",
    "canceled": "Canceled",
    "cancelled": "Canceled",
}


class Legacy(Generation):
    """Translates to and from the legacy generation."""

    def run(self, code: str, seconds: int, max_output: int | None, name: str) -> ApiRequest:
        """Run code."""
        del max_output  # this generation has no such limit to set
        properties = {
            "codeInputType": "inline",
            "executionType": "synchronous",
            "code": code,
            "timeoutInSeconds": seconds,
        }
        return self._call(
            "POST",
            "code/execute",
            "running code",
            body=json_body({"properties": properties}),
            repeatable=False,
            if_lost=UNKNOWN_RUN,
            headers={NAME_HEADER: name},
        )

    def ran(self, response: ApiResponse) -> ExecutionResult:
        """Return the outcome, or the id of an execution that still runs."""
        body, doing = json_object(response), response.doing
        outcome = field(body, "properties", dict, doing) or {}
        status = _STATUS.get(text(outcome, "status", doing).lower())
        if status is None:
            raise unexpected(doing, "tells neither success nor failure")
        value = result_value(outcome.get("result"))
        milliseconds = field(outcome, "executionTimeInMilliseconds", (int, float), doing)
        return ExecutionResult(
            status=status,
            stdout=text(outcome, "stdout", doing),
            stderr=text(outcome, "stderr", doing),
            result=value,
            image=image(value),
            duration=None if milliseconds is None else milliseconds / 1000,
            container=response.headers.get("x-ms-session-guid", ""),
            new_allocation=new_allocation(response.headers),
            raw=body,
        )

    def upload(
        self, directory: str, name: str, size: int, make_body: Callable[[str], Body]
    ) -> ApiRequest:
        """Upload a file."""
        path = f"{directory}/{name}" if directory else name
        return self._call(
            "POST",
            "files/upload",
            f"uploading {size} bytes",
            body=lambda: make_body(path),
            if_lost="It is unknown whether the file arrived; upload it again.",
        )

    def uploaded(self, response: ApiResponse, directory: str) -> RemoteFile:
        """Return the file as the service has it."""
        del directory  # names are given in full
        files = self._files(json_listing(response))
        if len(files) != 1:
            raise unexpected(response.doing, "does not name the one file that was uploaded")
        return files[0]

    def list_folder(self, directory: str, *, recursive: bool) -> ApiRequest:
        """List a folder."""
        del directory, recursive  # there is one listing, of everything
        return self._call("GET", "files", "listing files")

    def listed(self, body: Mapping[str, Any], directory: str, *, recursive: bool) -> list[Reading]:
        """Return one page of a listing."""
        del directory, recursive  # names are given in full
        return [Reading(file) for file in self._files(body)]

    def _files(self, body: Mapping[str, Any]) -> list[RemoteFile]:
        doing = "listing files"
        return [
            _file(field(item, "properties", dict, doing) or {}, doing)
            for item in items(body, doing)
        ]

    def describe(self, directory: str, name: str) -> ApiRequest:
        """List all files: this generation has no call for one."""
        del name
        return self.list_folder(directory, recursive=True)

    def described(self, response: ApiResponse, directory: str, name: str) -> RemoteFile | None:
        """Return the file from the listing, None where it is not in it."""
        wanted = f"{directory}/{name}" if directory else name
        files = self._files(json_listing(response))
        return next((file for file in files if file.path == wanted), None)

    def download(self, directory: str, name: str) -> ApiRequest:
        """Download a file."""
        path = f"files/content/{_in_path(directory, name)}"
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        return self._call("GET", path, "downloading a file", headers=headers, names_file=True)

    def delete(self, directory: str, name: str) -> ApiRequest:
        """Delete a file."""
        path = f"files/{_in_path(directory, name)}"
        return self._call("DELETE", path, "deleting a file", names_file=True)

    @property
    def lists_recursively(self) -> bool:
        """Whether one listing can cover the folders inside too."""
        return True

    def select(
        self, files: list[RemoteFile], directory: str, *, recursive: bool
    ) -> list[RemoteFile]:
        """Keep the files of one folder, of those of all folders."""
        inside = f"{directory}/" if directory else ""
        return [
            file
            for file in files
            if file.directory == directory or (recursive and file.path.startswith(inside))
        ]


def _in_path(directory: str, name: str) -> str:
    return quote(f"{directory}/{name}" if directory else name)


def _file(properties: Mapping[str, Any], doing: str) -> RemoteFile:
    directory, _, name = text(properties, "filename", doing).rpartition("/")
    return remote_file(
        name,
        directory,
        properties.get("size"),
        doing,
        modified=moment(properties.get("lastModifiedTime")),
    )
