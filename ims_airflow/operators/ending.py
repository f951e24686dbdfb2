"""How a task ended, remembered for a try that Airflow starts although the task had ended.

Airflow 3.3.2 can take the end of a deferred task's first leg for the end of the task. It then fails a task
whose second leg is at work, and starts another try, while that leg finishes well (apache/airflow#71580). Such
a try must neither make a second image nor repeat a hopeless request: it answers what the leg before it has
found. A person who clears the task wants the work done again; the two differ in ``max_tries``, which every
clear raises and no retry does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from ims_airflow.task import TaskMemory
from ims_airflow.triggers.event import Event, parse_event

if TYPE_CHECKING:
    from airflow.sdk import Context


class Ending:
    """The memory of one task's end.

    :param context: of the running task.
    :param fingerprint: of its request; another request is other work.
    """

    def __init__(self, context: Context, fingerprint: str) -> None:
        self._memory = TaskMemory(context, "ims_ending")
        self._fingerprint = fingerprint
        self._life = getattr(cast("Mapping[str, Any]", context).get("ti"), "max_tries", None)

    def recall(self) -> Event | None:
        """Return how the task has ended since it was last cleared, None when it has not."""
        stored = self._memory.load()
        if self._life is None or stored is None:
            return None
        if (stored.get("fingerprint"), stored.get("max_tries")) != (self._fingerprint, self._life):
            return None
        return parse_event(stored.get("event"))

    def save(self, event: Event) -> None:
        """Remember how it ends."""
        if self._life is not None:
            mark = {"fingerprint": self._fingerprint, "max_tries": self._life}
            self._memory.save({**mark, "event": event.payload()})
