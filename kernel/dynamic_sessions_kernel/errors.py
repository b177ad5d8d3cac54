"""Every error of this package, in one tree, so that nothing else need be imported to catch one.

Each message is written for the person who reads it in a notebook cell: what happened, what was
kept or is unknown, and what to do. No message holds a token or a whole session identifier.

    DynamicSessionsError
    ├── SettingsError                 a setting that cannot be used
    ├── SignInError                   no token could be had
    ├── CommandError                  a line such as %upload that cannot be carried out
    ├── LocalPoolError                the embedded pool could not be started or reached
    ├── TransportError
    │   ├── NotSentError              the service was never reached: safe to repeat
    │   │   └── UntrustedServerError  its TLS certificate proves nothing: repeating is no use
    │   └── AnswerLostError           sent, but no answer came: unknown whether it ran
    ├── UnexpectedAnswerError         an answer that the API does not promise
    ├── ServiceError                  the service answered with an error
    │   ├── UnauthorizedError         401
    │   ├── ForbiddenError            403
    │   ├── PoolNotFoundError         404 for the pool itself
    │   ├── PoolFullError             429, 404 or 500: no session to spare
    │   ├── BadRequestError           400
    │   │   ├── FileNameError         400, a name the service does not take
    │   │   └── PoolTypeError         the pool's sessions run another language
    │   ├── RemoteFileNotFoundError   404 for a file
    │   ├── FileTooLargeError         413
    │   ├── SessionNotFoundError      no session of that identifier
    │   └── UnavailableError          5xx
    ├── KernelError                   a defect of this kernel; the session is not touched
    └── RuntimeFailure                the session failed while it ran a cell
        ├── TimeLimitError            the service's limit on one execution passed
        ├── ExecutionAbortedError     out of memory, or queued behind a run that timed out
        ├── InterpreterRestartedError the service's interpreter died: variables are gone
        └── SessionLostError          the session was replaced: variables and files are gone
"""

from __future__ import annotations


class DynamicSessionsError(Exception):
    """Base of all errors of this package; `str(error)` is the sentence a person reads."""


class SettingsError(DynamicSessionsError):
    """A setting that cannot be used, named together with its environment variable."""


class SignInError(DynamicSessionsError):
    """No token could be had from the credential."""


class CommandError(DynamicSessionsError):
    """A command such as `%upload` that cannot be carried out; nothing of it was done."""


class LocalPoolError(DynamicSessionsError):
    """The embedded pool could not be started, found or reached."""


class TransportError(DynamicSessionsError):
    """The network failed between here and the service."""


class NotSentError(TransportError):
    """The request never reached the service, so repeating it is safe."""


class UntrustedServerError(NotSentError):
    """The server's TLS certificate could not be verified; nothing was sent to it."""


class AnswerLostError(TransportError):
    """The request was sent and its answer never came: unknown whether the service acted on it."""


class UnexpectedAnswerError(DynamicSessionsError):
    """An answer that the API does not promise: not JSON, a wrong type, a redirect."""


class ServiceError(DynamicSessionsError):
    """The service answered with an error.

    Attributes:
        status: the HTTP status.
        code: the service's own code, from the body or `x-ms-error-code`; empty when it gave none.
        trace_id: what Azure support asks for; empty when the service gave none.
        retry_after: seconds for which the service asks to wait; None when it does not.
        repeated: whether the service may have acted on an earlier attempt of the same call.
    """

    retry_after: float | None = None
    repeated: bool = False

    def __init__(
        self, message: str, *, status: int = 0, code: str = "", trace_id: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.trace_id = trace_id


class UnauthorizedError(ServiceError):
    """401: the token is missing, expired or for another audience, or the api-version is unknown."""


class ForbiddenError(ServiceError):
    """403: the identity lacks the session executor role on the pool."""


class PoolNotFoundError(ServiceError):
    """404 for the pool: the endpoint names none."""


class PoolFullError(ServiceError):
    """429, 404 or 500: the pool has no session to spare."""


class BadRequestError(ServiceError):
    """400: the service did not accept the request."""


class FileNameError(BadRequestError):
    """400 `FileNameInvalid` or `FilePathInvalid`: a name the service does not take."""


class PoolTypeError(BadRequestError):
    """The pool's sessions run another language than Python."""


class RemoteFileNotFoundError(ServiceError):
    """404 `FileNotFound`: the session has no such file."""


class FileTooLargeError(ServiceError):
    """413: over the service's upload limit of 128 MB."""


class SessionNotFoundError(ServiceError):
    """The service knows no session of that identifier."""


class UnavailableError(ServiceError):
    """5xx: the service is in trouble of its own."""


class KernelError(DynamicSessionsError):
    """A defect of this kernel; the session and its variables are not touched by it."""


class RuntimeFailure(DynamicSessionsError):  # noqa: N818 - a base class, never raised itself
    """The session failed while it ran a cell; the cell's own exceptions are not of this kind."""


class TimeLimitError(RuntimeFailure):
    """The service's limit on one execution passed."""


class ExecutionAbortedError(RuntimeFailure):
    """The service gave the execution up: out of memory, or queued behind one that timed out."""


class InterpreterRestartedError(RuntimeFailure):
    """The service's interpreter died and was started anew: variables are gone, files are kept."""


class SessionLostError(RuntimeFailure):
    """The service replaced the session by a fresh one: variables and files are gone."""
