"""Where the integration tests take their cloud from.

The emulator by default. A real account when ``IMS_AIRFLOW_TEST_CONN`` holds an Airflow Connection (JSON or
URI) and ``IMS_AIRFLOW_TEST_BUCKET`` names a STANDARD bucket in its region: then the tests that can run there
do, and remove what they made.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ims_airflow.demo.disk import write_qcow2
from ims_airflow.emulator import EmulatorServer
from ims_airflow.emulator import connection as emulator_connection
from ims_airflow.hooks.ims import ImsHook
from ims_airflow.hooks.obs import ObsHook

CONN_ID = "huaweicloud_ims_default"
REAL = os.environ.get("IMS_AIRFLOW_TEST_CONN", "")


@dataclass
class Cloud:
    """A cloud to test against.

    :param emulator: None on a real account.
    """

    bucket: str
    emulator: EmulatorServer | None
    conn_id: str = CONN_ID
    objects: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)

    @property
    def emulated(self) -> EmulatorServer:
        if self.emulator is None:
            pytest.skip("needs the emulator: a real cloud lets nobody set its faults")
        return self.emulator

    def upload(self, tmp_path: Path) -> str:
        """Upload a small disk image and return its image_url."""
        path = tmp_path / "disk.qcow2"
        write_qcow2(path)
        image_url = f"{self.bucket}:ims-airflow-test/{uuid.uuid4().hex}.qcow2"
        ObsHook(self.conn_id).upload_file(path, image_url)
        self.objects.append(image_url)
        return image_url

    def clean(self) -> None:
        for image_id in self.images:
            ImsHook(self.conn_id).delete_image(image_id)
        for image_url in self.objects:
            ObsHook(self.conn_id).delete_object(image_url)


def connection(server: EmulatorServer, **extra: object) -> str:
    """The Connection of an emulator, as an environment variable holds it."""
    return json.dumps(emulator_connection(server.settings, server.url, **extra))
