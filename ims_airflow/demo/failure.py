from __future__ import annotations

from ims_airflow.exceptions import ImsAirflowError


class DemoError(ImsAirflowError):
    """Raised when the demo cannot go on.

    :param message: one sentence.
    :param details: log lines or similar, shown below it.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details
