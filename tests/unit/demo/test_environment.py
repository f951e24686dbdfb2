from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from ims_airflow.demo.environment import airflow_environment, connection_variables, without_proxy


def environment(home: Path) -> dict[str, str]:
    return airflow_environment(home, home / "dags", 4711, "secret")


def test_another_airflow_on_the_machine_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://production")
    monkeypatch.setenv("AIRFLOW_CONN_HUAWEICLOUD_IMS_DEFAULT", "{}")
    monkeypatch.setenv("AIRFLOW_CONFIG", "/etc/airflow.cfg")
    found = environment(tmp_path)
    assert found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == f"sqlite:///{tmp_path}/airflow.db"
    assert not {"AIRFLOW_CONN_HUAWEICLOUD_IMS_DEFAULT", "AIRFLOW_CONFIG"} & found.keys()


def test_everything_points_to_the_same_port(tmp_path: Path) -> None:
    found = environment(tmp_path)
    assert found["AIRFLOW__API__PORT"] == "4711"
    assert found["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:4711/execution/"


def test_keys_are_fresh_and_well_formed(tmp_path: Path) -> None:
    one, other = environment(tmp_path), environment(tmp_path)
    for name in ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY"):
        assert one[name] != other[name]
    assert len(base64.urlsafe_b64decode(one["AIRFLOW__CORE__FERNET_KEY"])) == 32


@pytest.mark.parametrize(
    ("before", "after"), [("", "127.0.0.1,localhost"), ("corp.example", "corp.example,127.0.0.1,localhost")]
)
def test_loopback_is_not_behind_the_proxy(monkeypatch: pytest.MonkeyPatch, before: str, after: str) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", before)
    assert without_proxy() == after


def test_a_connection_becomes_a_variable() -> None:
    variables = connection_variables({"my_conn": {"conn_type": "huaweicloud_ims", "extra": {"region": "r"}}})
    assert json.loads(variables["AIRFLOW_CONN_MY_CONN"])["extra"] == {"region": "r"}
