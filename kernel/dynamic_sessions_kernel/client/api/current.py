"""The current generation of the API: `/executions`, flat bodies, folders (from 2024-10-02)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from dynamic_sessions_kernel.client.http.messages import json_body
from dynamic_sessions_kernel.client.listings import Reading
from dynamic_sessions_kernel.client.models import DATA_FOLDER, ExecutionResult

from .base import NAME_HEADER, UNKNOWN_RUN, Generation, in_url, items
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

_RUNNING = {"running", "notstarted"}
_STATUS: dict[str, Literal["Succeeded", "Failed", "Canceled"]] = {
    "succeeded": "Succeeded",
    "failed": "Failed",
    "canceled": "Canceled",
    "cancelled": "Canceled",
}


class Current(Generation):
    """Translates to and from the current generation."""

    def __init__(self, api_version: str) -> None:
        super().__init__(api_version)
        self.limits_output = self._capabilities.limits_output

    def run(self, code: str, seconds: int, max_output: int | None, name: str) -> ApiRequest:
        """Run code."""
        body: dict[str, Any] = {
            "codeInputType": "Inline",
            "executionType": "Synchronous",
            "code": code,
            "timeoutInSeconds": seconds,
        }
        if max_output is not None and self.limits_output:
            body["outputStreamsMaxLength"] = max_output
        return self._call(
            "POST",
            "executions",
            "running code",
            body=json_body(body),
            repeatable=False,
            if_lost=UNKNOWN_RUN,
            headers={NAME_HEADER: name},
        )

    def ran(self, response: ApiResponse) -> ExecutionResult | str:
        """Return the outcome, or the id of an execution that still runs."""
        body, doing = json_object(response), response.doing
        status, execution_id = text(body, "status", doing).lower(), text(body, "id", doing)
        if status in _RUNNING and re.fullmatch(r"[\w-]{1,128}", execution_id):
            return execution_id
        if status not in _STATUS:
            raise unexpected(doing, "tells neither success nor failure")
        outcome = field(body, "result", dict, doing) or {}
        error = field(body, "error", dict, doing) or {}
        value = result_value(outcome.get("executionResult"))
        milliseconds = field(outcome, "executionTimeInMilliseconds", (int, float), doing)
        return ExecutionResult(
            status=_STATUS[status],
            stdout=text(outcome, "stdout", doing),
            stderr=text(outcome, "stderr", doing) or _error_text(error, doing),
            result=value,
            image=image(value),
            duration=None if milliseconds is None else milliseconds / 1000,
            execution_id=execution_id,
            container=response.headers.get("x-ms-session-guid", ""),
            new_allocation=new_allocation(response.headers),
            raw=body,
        )

    @property
    def polls(self) -> bool:
        """Whether an execution can be asked for by its id."""
        return True

    def poll(self, execution_id: str) -> ApiRequest:
        """Ask for an execution that still ran."""
        return self._call(
            "GET",
            f"executions/{execution_id}",
            "waiting for code",
            if_lost=UNKNOWN_RUN,
            allocates=False,
        )

    def upload(
        self, directory: str, name: str, size: int, make_body: Callable[[str], Body]
    ) -> ApiRequest:
        """Upload a file."""
        return self._call(
            "POST",
            "files",
            f"uploading {size} bytes",
            directory,
            body=lambda: make_body(name),
            if_lost="It is unknown whether the file arrived; upload it again.",
        )

    def uploaded(self, response: ApiResponse, directory: str) -> RemoteFile:
        """Return the file as the service has it."""
        body = json_listing(response)
        found = items(body, response.doing) if "value" in body else [body]
        if len(found) != 1:
            raise unexpected(response.doing, "does not name the one file that was uploaded")
        return _file(found[0], directory, response.doing)

    def list_folder(self, directory: str, *, recursive: bool) -> ApiRequest:
        """List a folder."""
        call = self._call("GET", "files", "listing files", directory)
        return call.asking(recursive="true") if recursive and self.lists_recursively else call

    def listed(self, body: Mapping[str, Any], directory: str, *, recursive: bool) -> list[Reading]:
        """Return one page of a listing."""
        doing = "listing files"
        read = _reading if recursive else _listed_file
        return [read(item, directory, doing) for item in items(body, doing)]

    def describe(self, directory: str, name: str) -> ApiRequest:
        """Ask for one file."""
        return self._call(
            "GET", f"files/{in_url(name)}", "asking for a file", directory, names_file=True
        )

    def described(self, response: ApiResponse, directory: str, name: str) -> RemoteFile | None:
        """Return the file that was asked for."""
        del name  # the response is about this one alone
        return _file(json_object(response), directory, response.doing)

    def download(self, directory: str, name: str) -> ApiRequest:
        """Download a file."""
        path = f"files/{in_url(name)}/content"
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        return self._call(
            "GET", path, "downloading a file", directory, headers=headers, names_file=True
        )

    def delete(self, directory: str, name: str) -> ApiRequest:
        """Delete a file."""
        return self._call(
            "DELETE", f"files/{in_url(name)}", "deleting a file", directory, names_file=True
        )

    @property
    def lists_recursively(self) -> bool:
        """Whether one listing covers the folders inside too."""
        return self._capabilities.lists_recursively


def _listed_file(body: Mapping[str, Any], directory: str, doing: str) -> Reading:
    """Return an entry of a listing of one folder, in which it is, however that is described."""
    return Reading(_file(body, directory, doing))


def _reading(body: Mapping[str, Any], directory: str, doing: str) -> Reading:
    """Return an entry of a recursive listing: its `directory` counts from here or from the top."""
    described = text(body, "directory", doing)
    if f"{described}/".startswith(f"{DATA_FOLDER}/"):
        return Reading(_file(body, described, doing))
    described = described.strip("/")
    described = "" if described == "." else described  # so newer images call the folder itself
    below = "/".join(filter(None, (directory, described)))
    if not directory or not f"{described}/".startswith(f"{directory}/"):
        return Reading(_file(body, below, doing))
    return Reading(_file(body, below, doing), _file(body, described, doing))


def _file(body: Mapping[str, Any], directory: str, doing: str) -> RemoteFile:
    """Return the entry of a folder; its name may have folders of its own."""
    folders, _, name = text(body, "name", doing).rpartition("/")
    return remote_file(
        name,
        "/".join(filter(None, (directory.rstrip("/"), folders))),
        body.get("sizeInBytes"),
        doing,
        is_directory=text(body, "type", doing).lower() == "directory",
        modified=moment(body.get("lastModifiedAt")),
        content_type=text(body, "contentType", doing),
    )


def _error_text(error: Mapping[str, Any], doing: str) -> str:
    """Return the specification's error of a failed run, for when `stderr` is empty."""
    inner = field(error, "error", dict, doing) or error
    return text(inner, "message", doing) or text(inner, "code", doing)
