"""Lineage through OpenLineage's own extraction, and nothing of it where nobody asks."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.utils.state import TaskInstanceState
from airflow_task import Task
from integration.clouds import Cloud
from integration.test_progress import CHECKED, MODES, URL, WAITS, creation, waiting

pytest.importorskip("airflow.providers.openlineage", reason="needs apache-airflow-providers-openlineage")

from airflow.providers.openlineage.extractors.manager import ExtractorManager


def extracted(task: Task, state: TaskInstanceState = TaskInstanceState.SUCCESS) -> Any:
    """What the listener would send for the newest leg of a task."""
    run = SimpleNamespace(run_id="r1")
    manager: Any = ExtractorManager()  # type: ignore[no-untyped-call]
    return manager.extract_metadata(
        dagrun=run, task=task.operators[-1], task_instance_state=state, task_instance=task.ti
    )


def check(lineage: Any, image_id: str) -> None:
    [source], [image] = lineage.inputs, lineage.outputs
    assert (source.namespace, source.name) == ("obs://image-test", "disk.qcow2")
    assert source.facets["version"].datasetVersion == CHECKED["etag"]
    assert source.inputFacets["inputStatistics"].size == CHECKED["size"]
    assert (image.namespace, image.name) == ("ims://cn-north-4", "fedora")
    assert image.facets["version"].datasetVersion == image_id
    assert image.facets["symlinks"].identifiers[0].name == image_id
    assert image.facets["lifecycleStateChange"].lifecycleStateChange.value == "CREATE"


@pytest.mark.parametrize("mode", WAITS, ids=["waiting", "deferrable"])
def test_an_image_is_told_with_its_source(cloud: Cloud, mode: dict[str, bool]) -> None:
    task = creation(cloud, **mode)
    check(extracted_after(task), task.ti.xcoms["ims_import"]["image_id"])


@pytest.mark.parametrize("mode", MODES, ids=["poke", "reschedule", "deferrable"])
def test_the_sensor_tells_the_same(cloud: Cloud, mode: dict[str, Any]) -> None:
    sensor = waiting(creation(cloud), **mode)
    check(extracted_after(sensor), sensor.ti.xcoms["ims_import"]["image_id"])


def extracted_after(task: Task) -> Any:
    task.run()
    return extracted(task)


def test_a_job_that_is_only_submitted_names_its_output_without_a_version(cloud: Cloud) -> None:
    [image] = extracted_after(creation(cloud)).outputs
    assert (image.name, image.facets or {}) == ("fedora", {})


def test_a_task_that_has_not_run_tells_nothing(cloud: Cloud) -> None:
    task = creation(cloud)
    task.made()
    lineage = extracted(task, TaskInstanceState.RUNNING)
    assert (lineage.inputs, lineage.outputs) == ([], [])


QUIET = """
import sys
from airflow_task import Task
from ims_airflow.operators.ims import ImsCreateDataImageOperator
from ims_airflow.sensors.ims import ImsJobSensor
from ims_airflow.assets import ims, obs
ims.create_asset(region="cn-north-4", image="fedora")
arguments = dict(name="fedora", image_url="%s", min_disk=40, os_type="Linux")
task = Task(lambda: ImsCreateDataImageOperator(
    task_id="c", wait_for_completion=True, poll_interval=0.1, **arguments))
assert task.run()["image_status"] == "active"
# Airflow itself reads the metadata of every installed provider.
airflows_own = {"airflow.providers.openlineage", "airflow.providers.openlineage.get_provider_info"}
print([name for name in sys.modules if "openlineage" in name and name not in airflows_own])
"""


def test_where_nobody_asks_nothing_of_openlineage_is_imported(cloud: Cloud) -> None:
    cloud.emulated.put_object("image-test", "disk.qcow2", b"QFI\xfb")
    cloud.emulated.configure(job_seconds=0.1)
    script = f"import sys; sys.path.insert(0, 'tests')\n{QUIET % URL}"
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert ran.stdout.strip().splitlines()[-1] == "[]"
