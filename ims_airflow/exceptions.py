"""Everything that can go wrong, as one tree.

    ImsAirflowError
    ├── InvalidInputError               what the caller gave breaks a rule; nothing was sent
    ├── TransportError                  no HTTP answer at all
    │   ├── NotSentError                the request never reached the service
    │   └── AnswerLostError             sent, but the answer never came (whole)
    ├── UnusableAnswerError             an answer nobody can read: cut, wrong shape, too large, a redirect
    ├── ApiError                        the service answered with an error
    │   ├── RequestRejectedError        the request itself is wrong
    │   ├── NotFoundError               the thing it names does not exist
    │   ├── AuthenticationError         keys, token or signature are refused
    │   │   └── CredentialExpiredError  … because they ran out: worth one renewal
    │   ├── AccessDeniedError           the identity is fine, a permission is missing
    │   │   └── AgencyRefusedError      … to act through the agency of another account
    │   ├── QuotaExceededError          a limit of the account is reached
    │   ├── ThrottledError              too many requests just now
    │   └── ServiceError                the service is in trouble
    ├── JobFailedError                  the cloud's verdict: the job ended with FAIL
    ├── JobNotFollowedError             nobody can say how the job fares: trouble outlasted its budget
    ├── JobTimeoutError                 the deadline passed while the job was still going
    ├── ImageNotUsableError             the job succeeded, its image is not there or not active
    └── ImagesNotDeletedError           some of the images that should go could not be deleted

Two questions decide what happens next, and every class answers both: ``retryable`` (may the same thing
work later?) and ``outcome_unknown`` (may the request have taken effect although it failed?).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class ImsAirflowError(Exception):
    """Base of all errors of this package."""

    retryable: ClassVar[bool] = False
    outcome_unknown: ClassVar[bool] = False


class InvalidInputError(ImsAirflowError, ValueError):
    """Raised when arguments or a Connection break a rule. Names every field, value and rule at once."""


class TransportError(ImsAirflowError):
    """Raised when no HTTP answer came."""

    retryable = True


class NotSentError(TransportError):
    """Raised when the request never reached the service (name look-up, connect, TLS): safe to repeat."""


class AnswerLostError(TransportError):
    """Raised when the request was sent and no whole answer came back (reset, read time-out)."""

    outcome_unknown = True


class UnusableAnswerError(ImsAirflowError):
    """Raised when an answer came that cannot be read: cut, of the wrong shape, too large, a redirect."""

    retryable = True
    outcome_unknown = True


class ApiError(ImsAirflowError):
    """Raised when the service answered with an error.

    :param message: what the service said, in one line.
    :param status: HTTP status.
    :param code: the service's own code (``IMG.0060``, ``APIGW.0308``, ``NoSuchKey``, …), or empty.
    :param request_id: the service's id of the request, to quote in a support ticket, or empty.
    :param remedy: what a person can do about it, or empty.
    :param retry_after: seconds the service asked to wait, or None.
    :param date: the service's time, as the answer's header ``Date`` tells it, or empty.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str = "",
        request_id: str = "",
        remedy: str = "",
        retry_after: float | None = None,
        date: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.remedy = remedy
        self.retry_after = retry_after
        self.date = date

    def __str__(self) -> str:
        text = f"HTTP {self.status}" if self.status else ""
        text = f"{text} {self.code}".strip()
        text = f"{text}: {self.args[0]}" if text else str(self.args[0])
        if self.remedy:
            text = f"{text.rstrip('.')}. What to do: {self.remedy}"
        if self.request_id:
            text += f" (request id {self.request_id})"
        return text


class RequestRejectedError(ApiError):
    """Raised when the service says that the request itself is wrong."""


class NotFoundError(ApiError):
    """Raised when the thing that the request names does not exist."""


class AuthenticationError(ApiError):
    """Raised when keys, token or signature are refused. Never repeated: six in a row lock an access key."""


class CredentialExpiredError(AuthenticationError):
    """Raised when a token or temporary key has run out; renewing it once is worth a try."""


class AccessDeniedError(ApiError):
    """Raised when the identity lacks a permission."""


class AgencyRefusedError(AccessDeniedError):
    """Raised when IAM hands out no key of an agency: its name, its account or the permission is wrong."""


class QuotaExceededError(ApiError):
    """Raised when a limit of the account is reached, such as the number of private images."""


class ThrottledError(ApiError):
    """Raised when the service asks to slow down. The request had no effect."""

    retryable = True


class ServiceError(ApiError):
    """Raised when the service is in trouble. The request may have had its effect."""

    retryable = True
    outcome_unknown = True


class JobFailedError(ImsAirflowError):
    """Raised when the job ended with FAIL.

    :param error_code: the job's error code, or empty; ``retryable`` follows from it.
    """

    def __init__(self, message: str, *, error_code: str = "", retryable: bool = False) -> None:
        super().__init__(message)
        self.error_code = error_code
        self.retryable = retryable  # type: ignore[misc]  # here the instance knows better than the class


class JobNotFollowedError(ImsAirflowError):
    """Raised when the job could not be asked about for longer than the budget. It may well be running."""

    retryable = True


class JobTimeoutError(ImsAirflowError):
    """Raised when the deadline passed while the job was still going. It goes on in the cloud.

    :param deadline: the argument that set it, ``timeout`` or ``execution_timeout``.
    """

    retryable = True

    def __init__(self, message: str, *, deadline: str = "timeout") -> None:
        super().__init__(message)
        self.deadline = deadline


class ImageNotUsableError(ImsAirflowError):
    """Raised when the job succeeded but its image has no id, is gone, or is not active."""


class ImagesNotDeletedError(ImsAirflowError):
    """Raised at the end of a clean-up when some images could not be deleted. The others are.

    :param failures: what went wrong, by image id; worth a retry when one of them is.
    """

    def __init__(self, failures: Mapping[str, ImsAirflowError]) -> None:
        told = [f"{image_id}: {error}" for image_id, error in failures.items()]
        super().__init__("\n".join([f"{len(told)} image(s) could not be deleted:", *told]))
        self.failures = dict(failures)
        self.retryable = any(error.retryable for error in failures.values())  # type: ignore[misc]
