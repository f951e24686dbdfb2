"""Housekeeping in a real Airflow: the task states come from its API server, the arguments from its forms."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ims_airflow.demo.dag_files import example_dags
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.session import adopt_orphans
from ims_airflow.demo.stack import AirflowStack
from ims_airflow.emulator import EmulatorServer, Settings, connection

DAGS = Path(__file__).parent / "dags"
EXAMPLE = "example_ims_housekeeping"
MAKER = "deferred"


@dataclass
class Site:
    """A real Airflow with a DAG that makes images and DAGs that tidy up, and the cloud behind it."""

    stack: AirflowStack
    cloud: EmulatorServer

    def run(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        self.stack.wait_for_dag(dag_id)
        return self.stack.api.trigger(dag_id, conf)

    def finished(self, dag_id: str, run_id: str, *task_ids: str) -> None:
        api = self.stack.api
        state = api.wait_for_run(dag_id, run_id, timeout=90)
        assert state == "success", [api.log(dag_id, run_id, task_id) for task_id in task_ids]

    def make(self) -> str:
        """Make an image as a run should."""
        before = len(self.cloud.submissions())
        self.finished(MAKER, self.run(MAKER), "create")
        return str(self.cloud.submissions()[before]["image_id"])

    def make_and_kill(self) -> str:
        """Make an image whose task is marked failed while the cloud is at work."""
        before = len(self.cloud.submissions())
        self.cloud.configure(job_seconds=3600)
        run_id = self.run(MAKER)
        self.stack.api.wait_for_task(MAKER, run_id, "create", {"deferred"}, timeout=60)
        self.stack.api.set_state(MAKER, run_id, "create", "failed")
        self.stack.api.wait_for_run(MAKER, run_id, timeout=60, states={"failed"})
        self.cloud.configure(job_seconds=0)
        return str(self.cloud.submissions()[before]["image_id"])

    def tidy(self, dag_id: str = "tidy", **conf: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Run a DAG that tidies up; return what its two tasks report."""
        run_id = self.run(dag_id, {"dag_id": MAKER, **conf})
        self.finished(dag_id, run_id, "sweep", "retention")
        api = self.stack.api
        return api.xcom(dag_id, run_id, "sweep"), api.xcom(dag_id, run_id, "retention")

    def images(self) -> set[str]:
        return {one["image_id"] for one in self.cloud.submissions() if one["image_status"] == "active"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    place = tmp_path_factory.mktemp("tidy")
    dags = place / "dags"
    shutil.copytree(DAGS, dags, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(example_dags() / f"{EXAMPLE}.py", dags)
    adopt_orphans()
    with Keeper() as keeper, EmulatorServer(Settings(job_seconds=0, delete_seconds=0.5)) as cloud:
        cloud.put_object("image-test", "disk.qcow2", b"disk")
        connections = {"huaweicloud_ims_default": connection(cloud.settings, cloud.url)}
        with AirflowStack(place / "airflow", dags, keeper, connections=connections) as stack:
            yield Site(stack, cloud)


def until(ready: Callable[[], bool], timeout: float = 20) -> None:
    end = time.monotonic() + timeout
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_what_a_killed_run_left_goes_and_the_newest_stay(site: Site) -> None:
    old = site.make()
    left = site.make_and_kill()
    new = site.make()
    until(lambda: site.images() == {old, left, new})

    swept, retained = site.tidy()  # a dry run
    assert (set(swept["kept"]), swept["would_delete"], swept["deleted"]) == ({old, new}, [left], [])
    assert retained["kept"] == [new]
    assert set(retained["would_delete"]) == {old, left}
    assert site.images() == {old, left, new}

    swept, retained = site.tidy(dry_run=False, keep=2)
    assert (set(swept["kept"]), swept["deleted"]) == ({old, new}, [left])
    assert (retained["kept"], retained["deleted"]) == ([new, old], [])
    until(lambda: site.images() == {old, new})

    _, retained = site.tidy(dry_run=False, keep=1)
    assert (retained["kept"], retained["deleted"]) == ([new], [old])
    until(lambda: site.images() == {new})


def test_a_task_that_still_runs_keeps_its_image(site: Site) -> None:
    before = len(site.cloud.submissions())
    site.cloud.configure(job_seconds=3600)
    run_id = site.run(MAKER)
    site.stack.api.wait_for_task(MAKER, run_id, "create", {"deferred"}, timeout=60)
    image_id = site.cloud.submissions()[before]["image_id"]
    swept, _ = site.tidy()
    assert {"image_id": image_id, "reason": "still being made (queued)"} in swept["skipped"]
    site.cloud.configure(job_seconds=0)
    site.finished(MAKER, run_id, "create")


def test_the_example_plans_and_spares_the_young(site: Site) -> None:
    site.stack.wait_for_dag(EXAMPLE)
    site.stack.api.call("PATCH", f"/dags/{EXAMPLE}", json={"is_paused": False})
    left = site.make_and_kill()
    before = site.images()
    swept, retained = site.tidy(EXAMPLE)
    assert {"image_id": left, "reason": "younger than 3600 s"} in swept["skipped"]
    assert (swept["would_delete"], retained["deleted"]) == ([], [])
    assert left in retained["kept"]
    assert site.images() == before


def test_one_image_is_deleted_by_its_id(site: Site) -> None:
    image_id = site.make()
    run_id = site.run("delete_one", {"image_id": image_id})
    site.finished("delete_one", run_id, "delete")
    found = site.stack.api.xcom("delete_one", run_id, "delete")
    assert (found["image_id"], found["deleted"]) == (image_id, True)
    assert image_id not in site.images()
