"""One client for the hooks of a process that use the same Connection at the same time.

A task that talks to IMS and OBS through two hooks then asks for one token, one temporary key and one project
id, and both keep to one limit. Airflow forks a process for each task, so there is nobody else to share with.
What was learned lives as long as a hook that uses it: never on disk, and no refusal outlasts the task.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from ims_airflow.hooks.connection import Profile

if TYPE_CHECKING:
    from ims_airflow.client.sync import Client

# A forked process must not talk through the sockets of its parent. Of a profile's secrets no repr is shown.
Key = tuple[int, str, str | None, Profile]

_LOCK = threading.Lock()
_CLIENTS: WeakValueDictionary[Key, Client] = WeakValueDictionary()


def client_in_common(
    ims_conn_id: str, region: str | None, profile: Profile, read: Callable[[], Profile]
) -> Client:
    """Return the client of a Connection as it is now; a changed one gets a client of its own.

    :param profile: the Connection as it was read.
    :param read: reads it anew when its keys are refused. It must not refer to the hook: that is what keeps
        the client.
    """
    from ims_airflow.client.sync import Client  # noqa: PLC0415  # parsing a DAG needs no HTTP library

    key = (os.getpid(), ims_conn_id, region, profile)
    with _LOCK:
        client = _CLIENTS.get(key)
        if client is None:
            client = Client(profile.account(), profile.options, reload=lambda: read().account())
            _CLIENTS[key] = client
        return client
