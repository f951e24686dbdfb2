from __future__ import annotations

from dataclasses import dataclass, field

from ims_airflow.emulator.clock import Clock
from ims_airflow.emulator.settings import Settings


@dataclass(slots=True)
class World:
    """What all services share: the settings of the moment and the time.

    :param settings: replaced as a whole when a switch changes.
    """

    settings: Settings
    clock: Clock = field(default_factory=Clock)
