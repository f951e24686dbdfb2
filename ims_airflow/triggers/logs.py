"""One logger for all triggers of a class in an event loop.

Airflow tells the lines of its triggers apart by context variables, not by logger. One of its own for each
costs thirteen objects, which ten thousand sleeping triggers would keep.
"""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from airflow.triggers.base import BaseTrigger

from ims_airflow.protocol.waiting import Log

_LOGS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[type[BaseTrigger], Log]] = WeakKeyDictionary()


def shared_log(trigger: BaseTrigger) -> Log:
    """Return the logger of the first trigger of this class in the running event loop, if one is running."""
    try:
        logs = _LOGS.setdefault(asyncio.get_running_loop(), {})
    except RuntimeError:
        return trigger.log
    kind = type(trigger)
    if kind not in logs:
        logs[kind] = trigger.log
    return logs[kind]
