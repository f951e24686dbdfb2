"""The Connection in a real Airflow: the form that its UI draws, the Test button, and the doctor beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from system.running import System

from ims_airflow.demo.cloud import CONNECTION, DemoCloud
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.session import adopt_orphans
from ims_airflow.demo.stack import AirflowStack

CONN_TYPE = "huaweicloud_ims"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """An Airflow without DAGs, and with the Test button switched on."""
    place = tmp_path_factory.mktemp("connection")
    (place / "dags").mkdir()
    adopt_orphans()
    settings = {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}
    with (
        Keeper() as keeper,
        DemoCloud() as cloud,
        AirflowStack(place / "airflow", place / "dags", keeper, settings=settings) as stack,
    ):
        yield System(stack, cloud)


def body(system: System, conn_id: str = "cloud", **changes: Any) -> dict[str, Any]:
    """A Connection as the form posts it: what was left empty is null."""
    fields: dict[str, Any] = dict(system.cloud.connections[CONNECTION])
    extra = {"security_token": None, "verify": "true", "connect_timeout": 2.5, **fields.pop("extra")}
    return {"connection_id": conn_id, **fields, "extra": json.dumps(extra), **changes}


def sentences(answer: dict[str, Any]) -> list[str]:
    return str(answer["message"]).splitlines()


def test_the_button_says_what_works(system: System) -> None:
    answer = system.stack.api.call("POST", "/connections/test", json=body(system))
    assert answer["status"] is True, answer
    assert all(line[0] in "✓!–" and line.endswith(".") for line in sentences(answer))
    assert any("ims:images:list is granted" in line for line in sentences(answer))


def test_the_button_tells_wrong_keys_and_shows_none(system: System) -> None:
    wrong = body(system, password="WRONGSECRET")
    answer = system.stack.api.call("POST", "/connections/test", json=wrong)
    assert answer["status"] is False
    assert [line for line in sentences(answer) if line.startswith("✗") and "APIGW.0301" in line]
    assert "WRONGSECRET" not in answer["message"]


def test_the_form_has_every_field_with_its_help(system: System) -> None:
    answer = system.stack.api._session.get(f"{system.stack.url}/ui/connections/hook_meta", timeout=30)
    [ours] = [row for row in answer.json() if row["connection_type"] == CONN_TYPE]
    fields = ours["extra_fields"]
    assert {"region", "auth", "agency_name", "agency_domain_name", "verify"} <= fields.keys()
    assert all(field["schema"]["title"] and field["description"] for field in fields.values())
    standard = ours["standard_fields"]
    assert {name for name, field in standard.items() if field and field["hidden"]} == {
        "host",
        "port",
        "url_schema",
    }
    assert all(standard[name]["placeholder"] for name in ("login", "password"))


def test_the_doctor_finds_a_connection_of_the_database(system: System) -> None:
    system.stack.api.call("POST", "/connections", json=body(system, "prod"))
    found = doctor(system, "prod")
    assert (found.returncode, json.loads(found.stdout)["origin"]) == (0, "Airflow"), found.stdout
    assert system.cloud.sk not in found.stdout + found.stderr
    missing = doctor(system, "test")
    assert missing.returncode == 1
    assert "There is no Connection 'test'" in missing.stdout


def doctor(system: System, conn_id: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "ims_airflow", "doctor", "--json", "--conn-id", conn_id)
    return subprocess.run(
        command, env=system.stack._environment, cwd=Path.cwd(), capture_output=True, text=True, check=False
    )
