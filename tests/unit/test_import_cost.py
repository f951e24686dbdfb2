"""A DAG processor imports what a DAG names again and again, and runs none of it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
import airflow.sdk
before = set(sys.modules)
{imports}
print(json.dumps(sorted(set(sys.modules) - before)))
"""
OPERATOR = "from ims_airflow.operators.ims import ImsCreateDataImageOperator, ImsPreflightOperator"
SENSORS = """
from ims_airflow.sensors.ims import ImsJobSensor
from ims_airflow.sensors.obs import ObsImageFileSensor
"""
TASK_GROUP = "from ims_airflow.task_groups.ims import import_data_image"


def added(imports: str) -> set[str]:
    """Return which modules an import adds to a process that has Airflow's SDK."""
    program = PROGRAM.format(imports=imports)
    command = [sys.executable, "-c", program]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return set(json.loads(output.splitlines()[-1]))


@pytest.mark.parametrize("imports", [OPERATOR, SENSORS, TASK_GROUP])
def test_parsing_a_dag_brings_in_nothing_that_only_a_running_task_needs(imports: str) -> None:
    parts = {".".join(name.split(".")[:2]) for name in added(imports) if name.startswith("ims_airflow.")}
    needless = "client hooks triggers metrics progress lineage assets inspection emulator demo doctor plugin"
    assert not parts & {f"ims_airflow.{name}" for name in needless.split()}


def test_parsing_a_dag_brings_in_no_library_of_ours() -> None:
    libraries = {name.partition(".")[0] for name in added(f"{OPERATOR}\n{SENSORS}\n{TASK_GROUP}")}
    assert not libraries & {"aiohttp", "oslo_utils", "requests", "rich", "tenacity", "xml"}


def test_a_dag_that_only_imports_images_does_not_pay_for_housekeeping() -> None:
    assert "ims_airflow.operators.housekeeping" not in added(OPERATOR)
    retention = "from ims_airflow.operators.ims import ImsRetentionOperator"
    assert "ims_airflow.operators.housekeeping" in added(retention)


def test_the_spelling_of_arguments_and_outputs_imports_nothing() -> None:
    found = added("import ims_airflow.arguments, ims_airflow.outputs")
    assert found - {"ims_airflow"} == {"ims_airflow.arguments", "ims_airflow.outputs"}
