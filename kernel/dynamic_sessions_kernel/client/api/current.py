"""The current generation of the API: `/executions`, flat bodies, folders (from 2024-10-02)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dynamic_sessions_kernel.client.http.messages import json_body
from dynamic_sessions_kernel.client.models import DATA_FOLDER, ExecutionResult

from .base import UNKNOWN_RUN, Generation, in_url, items
from .parsing import (
    field,
    image,
    json_listing,
    json_object,
    moment,
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


class Current(Generation):
    """Translates to and from the current generation."""

    def __init__(self, api_version: str) -> None:
        super().__init__(api_version)
        self.limits_output = self._capabilities.limits_output

    def run(self, code: str, seconds: int, max_output: int | None) -> ApiRequest:
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
        )

    def ran(self, response: ApiResponse) -> ExecutionResult | str:
        """Return the outcome, or the id of an execution that still runs."""
        body, doing = json_object(response), response.doing
        status, execution_id = text(body, "status", doing).lower(), text(body, "id", doing)
        if status in _RUNNING and re.fullmatch(r"[\w-]{1,128}", execution_id):
            return execution_id
        if status not in ("succeeded", "failed"):
            raise unexpected(doing, "tells neither success nor failure")
        outcome = field(body, "result", dict, doing) or {}
        error = field(body, "error", dict, doing) or {}
        value = result_value(outcome.get("executionResult"))
        milliseconds = field(outcome, "executionTimeInMilliseconds", (int, float), doing)
        return ExecutionResult(
            status="Succeeded" if status == "succeeded" else "Failed",
            stdout=text(outcome, "stdout", doing),
            stderr=text(outcome, "stderr", doing) or _error_text(error, doing),
            result=value,
            image=image(value),
            duration=None if milliseconds is None else milliseconds / 1000,
            execution_id=execution_id,
            container=response.headers.get("x-ms-session-guid", ""),
            raw=body,
        )

    def poll(self, execution_id: str) -> ApiRequest:
        """Ask for an execution that still ran."""
        return self._call(
            "GET", f"executions/{execution_id}", "waiting for code", if_lost=UNKNOWN_RUN
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

    def listed(self, body: Mapping[str, Any], directory: str) -> list[RemoteFile]:
        """Return one page of a listing."""
        doing = "listing files"
        return [_file(item, directory, doing) for item in items(body, doing)]

    def describe(self, directory: str, name: str) -> ApiRequest:
        """Ask for one file."""
        return self._call("GET", f"files/{in_url(name)}", "asking for a file", directory)

    def described(self, response: ApiResponse, directory: str, name: str) -> RemoteFile | None:
        """Return the file that was asked for."""
        del name  # the response is about this one alone
        return _file(json_object(response), directory, response.doing)

    def download(self, directory: str, name: str) -> ApiRequest:
        """Download a file."""
        path = f"files/{in_url(name)}/content"
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        return self._call("GET", path, "downloading a file", directory, headers=headers)

    def delete(self, directory: str, name: str) -> ApiRequest:
        """Delete a file."""
        return self._call("DELETE", f"files/{in_url(name)}", "deleting a file", directory)

    @property
    def lists_recursively(self) -> bool:
        """Whether one listing covers the folders inside too."""
        return self._capabilities.lists_recursively


def _file(body: Mapping[str, Any], directory: str, doing: str) -> RemoteFile:
    folders, _, name = text(body, "name", doing).rpartition("/")
    described = text(body, "directory", doing).removeprefix(DATA_FOLDER).strip("/")
    # The top is "" or ".", and a recursive listing may count from the folder that was listed.
    described = "" if described == "." else described
    if not described or not f"{described}/".startswith(f"{directory}/".lstrip("/")):
        directory = "/".join(filter(None, (directory, described, folders)))
    else:
        directory = described
    return remote_file(
        name,
        directory,
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
