from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from integration.clouds import CONN_ID, REAL, Cloud, connection

from ims_airflow.emulator import EmulatorServer


@pytest.fixture
def cloud(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    if REAL:
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", REAL)
        found = Cloud(os.environ["IMS_AIRFLOW_TEST_BUCKET"], None)
        yield found
        found.clean()
        return
    server: EmulatorServer = request.getfixturevalue("emulator")
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", connection(server))
    yield Cloud(server.settings.buckets[0], server)
