"""What Airflow's own command line makes of the installed package."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest


def airflow(home: Path, *arguments: str) -> Any:
    """Run the command and return the JSON that it prints."""
    done = subprocess.run(
        ["airflow", *arguments, "--output", "json"],
        env={**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout[done.stdout.index("[") :])


@pytest.mark.parametrize(
    ("arguments", "column", "named"),
    [
        (("providers", "list"), "package_name", "ims-airflow"),
        (("providers", "hooks"), "connection_type", "huaweicloud_ims"),
        (("plugins",), "name", "ims_airflow"),
    ],
)
def test_airflow_lists_it(tmp_path: Path, arguments: tuple[str, ...], column: str, named: str) -> None:
    rows = airflow(tmp_path, *arguments)
    assert named in [row[column] for row in rows]


def test_airflow_shows_its_metadata(tmp_path: Path) -> None:
    [row] = airflow(tmp_path, "providers", "get", "ims-airflow")
    assert row["Provider"] == "ims-airflow"
