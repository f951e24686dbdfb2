"""What a trigger tells the worker: one event, written here and read here.

The event crosses a database and perhaps a version of this package, so it is parsed, not trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ims_airflow import exceptions
from ims_airflow.exceptions import ImsAirflowError, JobFailedError, JobNotFollowedError, JobTimeoutError
from ims_airflow.protocol.waiting import Log


@dataclass(frozen=True, slots=True)
class Event:
    """The outcome of a trigger.

    :param subject: what was followed: the job_id, or the image_url.
    :param result: what was found: a mapping, or a list of them for a pattern; None after an error.
    :param error: the name of a class of :mod:`ims_airflow.exceptions`, empty after a success.
    :param message: the error in a sentence, without secrets.
    :param retryable: whether another try of the task may help.
    :param deadline: the name of the time limit that passed, if one did.
    """

    subject: str
    result: Any = None
    error: str = ""
    message: str = ""
    error_code: str = ""
    retryable: bool = False
    deadline: str = ""

    def is_about(self, subject: str, log: Log) -> bool:
        """Whether this is about what a task waits for; when not, the log is told.

        SQLite gives trigger ids out again: after a clear, an old trigger can answer for a new try.
        """
        if self.subject != subject:
            log.warning("An event about %s came, not about %s: waiting on", self.subject, subject)
        return self.subject == subject

    def payload(self) -> dict[str, Any]:
        """Return the event as plain JSON."""
        return {
            "status": "error" if self.error else "success",
            "subject": self.subject,
            "result": dict(self.result) if isinstance(self.result, Mapping) else self.result,
            "error": self.error,
            "message": self.message,
            "error_code": self.error_code,
            "retryable": self.retryable,
            "deadline": self.deadline,
        }

    def outcome(self) -> Any:
        """Return the result.

        :raises ImsAirflowError: the error that ended the trigger, as its own class.
        """
        if self.result is not None and not self.error:
            return self.result
        kind = getattr(exceptions, self.error, None)
        if kind is JobFailedError:
            raise JobFailedError(self.message, error_code=self.error_code, retryable=self.retryable)
        if kind is JobTimeoutError:
            raise JobTimeoutError(self.message, deadline=self.deadline or "timeout")
        if isinstance(kind, type) and issubclass(kind, ImsAirflowError):
            raise kind(self.message)
        raise JobNotFollowedError(self.message or "the trigger ended without a result")


def event_of_error(subject: str, error: BaseException) -> Event:
    """Put an error into an event.

    Only our own errors are known to hold no secrets; of others the name is told.
    """
    if isinstance(error, ImsAirflowError):
        return Event(
            subject,
            error=type(error).__name__,
            message=str(error),
            error_code=str(getattr(error, "error_code", "")),
            retryable=error.retryable,
            deadline=str(getattr(error, "deadline", "")),
        )
    message = f"the trigger for {subject} met an unexpected {type(error).__name__}; see the triggerer's log"
    return Event(subject, error="JobNotFollowedError", message=message, retryable=True)


def parse_event(payload: object) -> Event:
    """Read an event.

    :raises JobNotFollowedError: it is not one of ours.
    """
    if not isinstance(payload, Mapping) or payload.get("status") not in {"success", "error"}:
        raise JobNotFollowedError(f"the trigger sent an event of an unknown shape: {type(payload).__name__}")
    texts = {
        name: str(payload.get(name) or "")
        for name in ("subject", "error", "message", "error_code", "deadline")
    }
    return Event(
        result=payload.get("result"),
        retryable=bool(payload.get("retryable")),
        **texts,
    )
