"""How to reach the services, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from ims_airflow.protocol.throttle import Throttle


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How to reach the services.

    :param verify: True, False, or the path of a CA bundle.
    :param connect_timeout: seconds.
    :param read_timeout: seconds between two bytes of an answer; the whole answer may take four times this.
    :param max_requests_in_flight: to IMS and IAM, by all who share a client.
    :param max_requests_per_second: likewise; a quarter of what the API Gateway usually allows for one API.
    """

    verify: bool | str = True
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    max_requests_in_flight: int = 32
    max_requests_per_second: float = 50.0

    @property
    def brief(self) -> float:
        """Seconds that an exchange with a brief answer may take altogether."""
        return self.connect_timeout + self.read_timeout

    @property
    def total(self) -> float:
        """Seconds that one exchange may take altogether."""
        return self.connect_timeout + 4 * self.read_timeout

    def throttle(self) -> Throttle:
        """Return a new schedule that keeps to the two limits."""
        return Throttle(self.max_requests_in_flight, self.max_requests_per_second)
