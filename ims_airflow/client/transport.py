"""What both drivers share: limits, retry rules, the reading of an answer's end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenacity import RetryCallState, retry_if_exception, stop_after_attempt

from ims_airflow import __version__
from ims_airflow.exceptions import ApiError, ImsAirflowError, InvalidInputError, NotSentError
from ims_airflow.protocol.errors import error_from
from ims_airflow.protocol.message import Call, Request, Response
from ims_airflow.protocol.polling import backoff

USER_AGENT = f"ims-airflow/{__version__}"
LONGEST_RETRY_WAIT = 60.0  # seconds; whoever is told to wait longer decides for himself


def checked(call: Call, response: Response) -> Response:
    """Return the answer if it is a success.

    :raises ImsAirflowError: otherwise.
    """
    error = error_from(call.service, response)
    if error is not None:
        raise error
    return response


def untrusted(request: Request, reason: str) -> InvalidInputError:
    """Word a TLS certificate that cannot be verified: waiting does not help, the Connection must change."""
    return InvalidInputError(
        f"verify: the TLS certificate behind {request!r} is not trusted ({reason}). "
        "Set verify in the Connection's extra to the path of the CA bundle that signed it"
    )


def unspeakable(request: Request, error: BaseException) -> InvalidInputError:
    """Word a request that cannot be put into HTTP at all. The value itself may be a secret and stays out."""
    return InvalidInputError(
        f"{request!r} cannot be sent ({type(error).__name__}): the Connection's keys, endpoints or the proxy "
        "settings hold characters that have no place in an address or a header"
    )


def not_sent(call: Call, error: ImsAirflowError) -> ImsAirflowError:
    """Word trouble with what a call needs first (token, key, project id): the call itself never left."""
    if not error.retryable or isinstance(error, NotSentError):
        return error
    return NotSentError(f"{call!r} was not sent, because what it needs first could not be had: {error}")


def may_repeat(call: Call, error: BaseException) -> bool:
    """Whether sending the call again can help and does no harm."""
    if not isinstance(error, ImsAirflowError) or not error.retryable:
        return False
    if isinstance(error, ApiError) and (error.retry_after or 0) > LONGEST_RETRY_WAIT:
        return False
    return call.repeatable or not error.outcome_unknown


def retrying(call: Call, chance: Callable[[], float]) -> dict[str, Any]:
    """Return the arguments of ``tenacity.Retrying`` or ``AsyncRetrying`` for a call."""

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        retry_after = getattr(error, "retry_after", None)
        return backoff(state.attempt_number, chance(), retry_after=retry_after, longest=20.0)

    return {
        "stop": stop_after_attempt(call.attempts),
        "wait": wait,
        "retry": retry_if_exception(lambda error: may_repeat(call, error)),
        "reraise": True,
    }
