"""How to reach the services, as a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How to reach the services.

    :param verify: True, False, or the path of a CA bundle.
    :param connect_timeout: seconds.
    :param read_timeout: seconds between two bytes of an answer; the whole answer may take four times this.
    """

    verify: bool | str = True
    connect_timeout: float = 10.0
    read_timeout: float = 60.0

    @property
    def total(self) -> float:
        """Seconds that one exchange may take altogether."""
        return self.connect_timeout + 4 * self.read_timeout
