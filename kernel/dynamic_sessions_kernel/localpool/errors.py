"""What the pool says when it does not do as asked, in the service's statuses, codes and shapes.

The service has no single form of an error: two JSON envelopes, a problem document and empty bodies
are all met in its answers, so clients must be tried with all of them.
"""

from __future__ import annotations

import secrets
from typing import Any, Literal

#: The code of a missing file, but at its deletion.
NO_SUCH_FILE = "FileNotFound"

Shape = Literal["nested", "flat", "problem", "empty"]


class Refusal(Exception):  # noqa: N818 - an answer like any other, not a fault of ours
    """An answer that is an error.

    Attributes:
        status: of HTTP.
        code: the service's word for what is wrong; empty where it has none.
        shape: the form of the body.
    """

    def __init__(
        self, status: int, code: str = "", message: str = "", shape: Shape = "nested"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.shape = shape

    @property
    def headers(self) -> dict[str, str]:
        """Headers beside the usual ones."""
        return {"x-ms-error-code": self.code} if self.code else {}

    @property
    def content_type(self) -> str:
        """The body's MIME type."""
        return "application/problem+json" if self.shape == "problem" else "application/json"

    def body(self) -> dict[str, Any] | None:
        """Return the body; None where it is empty."""
        described = {"code": self.code, "message": str(self)}
        match self.shape:
            case "empty":
                return None
            case "flat":
                return described
            case "problem":
                return {
                    "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
                    "title": "One or more validation errors occurred.",
                    "status": self.status,
                    "errors": {"$": [str(self)]},
                    "traceId": secrets.token_hex(16),
                }
            case "nested":
                return {"error": {**described, "traceId": secrets.token_hex(16)}}


def unauthorized() -> Refusal:
    """Refuse a wrong token or an unknown api-version: 401 and nothing else."""
    return Refusal(401, shape="empty")


def no_page() -> Refusal:
    """Refuse what a web page sent: a browser on this machine reaches the pool's port as well."""
    return Refusal(403, shape="empty")


def no_such_pool() -> Refusal:
    """Refuse an address that names nothing here."""
    return Refusal(404, shape="empty")


def invalid(message: str) -> Refusal:
    """Refuse a query or body that breaks the API's rules."""
    return Refusal(400, "SessionRequestValidationFailed", message)


def not_supported(message: str) -> Refusal:
    """Refuse a method, or a call that this api-version does not have."""
    return Refusal(400, "SessionRequestNotSupported", message)


def malformed(message: str) -> Refusal:
    """Refuse a body that is not JSON."""
    return Refusal(400, message=message, shape="problem")


def properties_missing(message: str) -> Refusal:
    """Refuse a body in the other generation's form."""
    return Refusal(400, "SessionPropertiesMissing", message)


def bad_name(message: str) -> Refusal:
    """Refuse a file's name with characters that the service does not take."""
    return Refusal(400, "FileNameInvalid", message)


def bad_path(message: str) -> Refusal:
    """Refuse a folder that the service does not take, or a link."""
    return Refusal(400, "FilePathInvalid", message)


def no_such_file(message: str) -> Refusal:
    """Say that the session has no such file."""
    return Refusal(404, NO_SUCH_FILE, message)


def too_large(message: str) -> Refusal:
    """Refuse an upload over the limit."""
    return Refusal(413, "FileTooLarge", message)


def no_session(code: str) -> Refusal:
    """Say that there is no session of that identifier, which the message does not repeat."""
    return Refusal(404, code, "There is no session of this identifier.")


def not_deleted(message: str) -> Refusal:
    """Say that a file could not be deleted because it is not there."""
    return Refusal(404, "DeleteFileError", message)


def pool_full(most: int, status: int = 429) -> Refusal:
    """Say that no session is to be had; the service sends no `Retry-After` with it.

    Args:
        most: how many there can be at once.
        status: 429 or 500, both measured on the live service, or 404 as documented
            (docs/service.md, "Errors").
    """
    if status == 429:  # noqa: PLR2004 - of HTTP
        message = f"The pool has reached its maximum of {most} concurrent sessions."
        return Refusal(status, "SessionsCountExceedsLimit", message, "flat")
    if status == 404:  # noqa: PLR2004 - of HTTP
        return Refusal(status, message="There are no more sessions to be allocated.")
    return Refusal(status, message="Error happened when allocating pod: no pod is available.")


def unavailable() -> Refusal:
    """Say that the service is in trouble of its own."""
    return Refusal(503, "ServiceUnavailable", "The service is unavailable. Try again later.")


def failed(message: str) -> Refusal:
    """Say that something went wrong here."""
    return Refusal(500, "InternalServerError", message)
