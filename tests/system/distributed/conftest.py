from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from statsd_server import Statsd
from system.distributed.deployment import Deployment, Emulator
from system.distributed.servers import broker, database

from ims_airflow.demo.dag_files import example_dags
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.session import adopt_orphans

IMAGES = int(os.environ.get("IMS_AIRFLOW_DISTRIBUTED_IMAGES", "100"))
DAGS = Path(__file__).parent / "dags"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    pytest.importorskip("airflow.providers.celery", reason="needs the provider of Celery (extra test)")
    pytest.importorskip("statsd", reason="needs statsd (extra test)")
    place = tmp_path_factory.mktemp("distributed")
    dags = place / "dags"
    for directory in (example_dags(), DAGS):
        shutil.copytree(directory, dags, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    statsd = Statsd()
    adopt_orphans()
    with Keeper() as keeper, database(keeper) as postgres, broker(keeper) as redis:
        found, emulator = None, Emulator(place, keeper)
        emulator.start()
        emulator.tell("PATCH", "settings", most_jobs=10_000, image_quota=10_000, tags_visible=True)
        try:
            settings = {"DISTRIBUTED_IMAGES": str(IMAGES)}
            found = Deployment(
                place / "airflow",
                dags,
                keeper,
                servers=(postgres, redis),
                emulator=emulator,
                statsd=statsd,
                settings=settings,
            )
            found.start()
            yield found
        finally:
            if found is not None:
                found.stack.stop()
            emulator.process.kill()
            statsd.close()
