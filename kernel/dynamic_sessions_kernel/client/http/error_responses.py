"""The service's error response, and the sentence for each: a table, row by row as documented.

The service's own words are quoted where they help, bounded, and with the session's identifier and
the token taken out: a service may repeat what it was sent.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from dynamic_sessions_kernel.client.redaction import scrub
from dynamic_sessions_kernel.errors import (
    BadRequestError,
    FileNameError,
    FileTooLargeError,
    ForbiddenError,
    PoolFullError,
    PoolNotFoundError,
    RemoteFileNotFoundError,
    ServiceError,
    SessionNotFoundError,
    UnauthorizedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .messages import ApiRequest

ROLE = "Azure ContainerApps Session Executor"
# One page of the documentation asks for this role too, another for the first alone.
SECOND_ROLE = "Contributor"
_QUOTE_CHARS = 500


class _Row(NamedTuple):
    kind: type[ServiceError]
    sentence: str


_NO_SESSION = _Row(
    SessionNotFoundError,
    "The pool has no session of this identifier (any more): it was never used, was deleted, or "
    "cooled down. Running code starts a fresh one.",
)
_FILE_NAME = _Row(
    FileNameError,
    "The service does not take this name for a file or folder. It takes letters, digits, space and "
    "-_.@$&=;,#%^(), no dot in a folder's name, and at most five folders deep.{quote}",
)

_FULL = _Row(
    PoolFullError,
    "The pool has no session to spare ({status}). Delete sessions that are not needed or wait "
    "until some cool down, then try again; `az containerapp sessionpool update --max-sessions` "
    "enlarges the pool.{quote}",
)
#: How the service says that a pool is full where no code says it (docs/service.md, "Errors").
_FULL_TEXT = re.compile(r"allocating pod|no more sessions", re.IGNORECASE)
_FULL_STATUSES = {404, 429, 500}

#: By the service's code, whatever the status: codes say more.
_BY_CODE: dict[str, _Row] = {
    "FileNotFound": _Row(
        RemoteFileNotFoundError,
        "The session has no such file ({doing}). `list_files` shows what is below /mnt/data; a "
        "session that cooled down lost its files.",
    ),
    # What a missing file is called at its deletion (docs/service.md, "Files").
    "SessionsCountExceedsLimit": _FULL,
    "FileNameInvalid": _FILE_NAME,
    "FilePathInvalid": _FILE_NAME,
    "NoSessionFoundError": _NO_SESSION,
    "SessionWithIdentifierNotFound": _NO_SESSION,
    "SessionPropertiesMissing": _Row(
        BadRequestError,
        "The service expects another body. Either the pool is of type Shell, which runs no Python: "
        "use one of type PythonLTS; or it expects another API generation: check `api_version` "
        "(DYNAMIC_SESSIONS_API_VERSION), now {version}.",
    ),
    "SessionRequestValidationFailed": _Row(
        BadRequestError,
        "The service does not accept the request ({doing}): its identifier or query is not valid. "
        "Check the identifier (4 to 128 letters, digits or -) and `api_version`, now "
        "{version}.{quote}",
    ),
    "SessionRequestNotSupported": _Row(
        BadRequestError,
        "This pool does not offer {doing} in API version {version}. A pool of custom containers "
        "runs Python with Microsoft's interpreter image; else use one of type PythonLTS.{quote}",
    ),
}

#: By code and status, where the code alone does not say enough.
_BY_CODE_AND_STATUS: dict[tuple[str, int], _Row] = {
    ("DeleteFileError", HTTPStatus.NOT_FOUND): _BY_CODE["FileNotFound"],
}

_BY_STATUS: dict[int, _Row] = {
    400: _Row(BadRequestError, "The service does not accept the request ({doing}).{quote}"),
    401: _Row(
        UnauthorizedError,
        "The service did not accept the sign-in (401). Run `az login` and try again; the token has "
        "to be for https://dynamicsessions.io. The service also says this when it does not know "
        "the API version, now {version}: check `api_version` (DYNAMIC_SESSIONS_API_VERSION).",
    ),
    403: _Row(
        ForbiddenError,
        f"The sign-in is good but may not use this pool (403). It needs the role *{ROLE}* on the "
        f'pool: `az role assignment create --role "{ROLE}" --assignee YOU --scope POOL_ID`. If '
        f"that is not enough, it needs *{SECOND_ROLE}* too. A new role takes up to 5 minutes to "
        "work.",
    ),
    404: _Row(
        PoolNotFoundError,
        "There is no such pool at {host} (404). Check the endpoint: `az containerapp sessionpool "
        "show --query properties.poolManagementEndpoint` prints it.{quote}",
    ),
    413: _Row(
        FileTooLargeError,
        "Too large for the service (413, {doing}): it takes files of up to 128 MB, in a pool of "
        "custom containers 250 MB. Split the file or compress it.",
    ),
    429: _FULL,
}
_UNAVAILABLE = _Row(
    UnavailableError, "The service is in trouble ({status}, {doing}). {if_lost}{quote}"
)
_TROUBLE = {HTTPStatus.REQUEST_TIMEOUT, *range(500, 600)}
_OTHER = _Row(ServiceError, "The service refused the request ({status}, {doing}).{quote}")


def service_error(
    status: int,
    headers: Mapping[str, str],
    content: bytes,
    *,
    call: ApiRequest,
    host: str,
    secrets: Iterable[str] = (),
) -> ServiceError:
    """Return the error for a response of status 400 and above.

    Args:
        status: the response's HTTP status.
        headers: the response's, by lower-case name.
        content: the response's body, or the beginning of it.
        call: what was asked.
        host: of the pool.
        secrets: what must not be in the message, however the service came by it.
    """
    body = _envelope(content)
    code = _text(body.get("code")) or headers.get("x-ms-error-code", "")
    said = _text(body.get("message")) or _text(body.get("detail"))
    row = _row(status, code, said)
    message = row.sentence.format(
        doing=call.doing,
        host=host,
        status=status,
        version=call.params.get("api-version", ""),
        if_lost=call.if_lost,
        quote=_quote(code, said),
    )
    error = row.kind(
        scrub(message, secrets),
        status=status,
        code=scrub(code[:100], secrets),
        trace_id=scrub(_text(body.get("traceId"))[:100], secrets),
    )
    error.retry_after = _seconds(headers.get("retry-after", ""))
    return error


def _row(status: int, code: str, said: str) -> _Row:
    row = _BY_CODE_AND_STATUS.get((code, status)) or _BY_CODE.get(code)
    if row is None and status in _FULL_STATUSES and _FULL_TEXT.search(said):
        row = _FULL
    row = row or _BY_STATUS.get(status)
    return row or (_UNAVAILABLE if status in _TROUBLE else _OTHER)


def nothing_found(
    error: PoolNotFoundError, call: ApiRequest, host: str, *, custom: bool
) -> ServiceError:
    """Return the error for a call that found nothing at a pool that is there.

    A file's call finds no file then. Of others the documentation says that the pool is full; one
    that lacks the call can answer alike.

    Args:
        error: the service's, whose codes are kept.
        call: what was asked.
        host: of the pool.
        custom: whether the pool is one of custom containers.
    """
    if call.names_file:
        row = _BY_CODE["FileNotFound"]
        return row.kind(
            row.sentence.format(doing=call.doing),
            status=error.status,
            code=error.code,
            trace_id=error.trace_id,
        )
    check = "`api_version` (DYNAMIC_SESSIONS_API_VERSION)"
    if custom:
        check += ", and that its containers have Microsoft's interpreter image"
    return PoolFullError(
        f"The pool at {host} is there, but it has no session to spare ({error.status}), or it does "
        f"not offer {call.doing} in API version {call.params.get('api-version', '')}. Delete "
        "sessions that are not needed or wait until some cool down; if that does not help, check "
        f"{check}.",
        status=error.status,
        code=error.code,
        trace_id=error.trace_id,
    )


def given_token_refused(error: UnauthorizedError, call: ApiRequest) -> UnauthorizedError:
    """Return the error for a token that was given outright and not accepted.

    Args:
        error: the service's, whose codes are kept.
        call: what was asked.
    """
    return UnauthorizedError(
        "The service did not accept the token of the setting `token` (DYNAMIC_SESSIONS_TOKEN) "
        "(401): it is wrong, expired or for another pool. Correct it, or unset it to sign in by "
        "`credential`; the service also says this when it does not know the API version, now "
        f"{call.params.get('api-version', '')} (DYNAMIC_SESSIONS_API_VERSION).",
        status=error.status,
        code=error.code,
        trace_id=error.trace_id,
    )


def _envelope(content: bytes) -> Mapping[str, Any]:
    """Return the error's fields from either envelope or problem+json; empty for neither."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        body = body["error"]
    return body if isinstance(body, dict) else {}


def _seconds(retry_after: str) -> float | None:
    """Return the header's seconds; its other form, a date, depends on two clocks and is left."""
    return float(retry_after) if re.fullmatch(r"\d{1,6}", retry_after.strip()) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _quote(code: str, message: str) -> str:
    said = " ".join(re.sub(r"[^\x20-\x7e\xa0-\uffff]+", " ", f"{code} {message}").split())
    if not said:
        return ""
    return f" The service says: {said[:_QUOTE_CHARS]}"
