"""The emulated cloud of the demo, and the package's own client for it."""

from __future__ import annotations

import secrets
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ims_airflow.client.sync import Client
from ims_airflow.demo.environment import Connections
from ims_airflow.emulator import EmulatorServer, Settings, connection
from ims_airflow.protocol import ims, obs
from ims_airflow.protocol.account import Account
from ims_airflow.protocol.credentials import AccessKey
from ims_airflow.protocol.endpoints import endpoints_for
from ims_airflow.protocol.image import Image
from ims_airflow.protocol.image_url import ImageUrl
from ims_airflow.protocol.job import Job
from ims_airflow.protocol.message import FilePart

BUCKET = "demo-images"
CONNECTION = "huaweicloud_ims_default"
_REGION = "cn-north-4"


class DemoCloud:
    """IMS, IAM and OBS on a free loopback port, with keys of its own. A context manager.

    :param switches: more settings of the emulator.
    """

    def __init__(self, **switches: Any) -> None:
        self.ak = "DEMO" + secrets.token_hex(8).upper()
        self.sk = secrets.token_urlsafe(30)
        self.project_id = secrets.token_hex(16)
        settings = Settings(
            ak=self.ak, sk=self.sk, project_id=self.project_id, region=_REGION, buckets=(BUCKET,)
        ).changed(switches)
        self._server = EmulatorServer(settings)

    def __enter__(self) -> Self:
        self._server.start()
        endpoints = endpoints_for(_REGION, ims=self.url, iam=self.url, obs=self.url, obs_path_style=True)
        self._client = Client(Account(AccessKey(self.ak, self.sk), endpoints, region=_REGION))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        self._server.stop()

    @property
    def url(self) -> str:
        """Address of all its services."""
        return self._server.url

    @property
    def connections(self) -> Connections:
        """The Airflow Connection that leads here."""
        # Without a project id, so that the demo also looks one up by the region, as most Connections will.
        return {CONNECTION: connection(self._server.settings, self.url, project_id=None)}

    def upload(self, path: Path, key: str) -> None:
        """Put a file into the bucket."""
        file = FilePart(path, 0, path.stat().st_size)
        self._client.run(obs.upload_file(ImageUrl(BUCKET, key), file))

    def job(self, job_id: str) -> Job:
        """Return how a job fares."""
        return self._client.run(ims.show_job(job_id))

    def image(self, image_id: str) -> Image | None:
        """Return an image."""
        return self._client.run(ims.show_image(image_id))
