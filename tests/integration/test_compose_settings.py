"""The settings of the compose file are ones that Airflow knows, and its secrets get there from files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.configuration import conf
from container_files import compose, environment_file, service

SERVICES = ("init", "api-server", "scheduler", "dag-processor", "triggerer", "worker")
ASK = """
import json, sys
from airflow.configuration import conf
print(json.dumps({"/".join(name): conf.get(*name) for name in json.loads(sys.argv[1])}))
"""
SECRETS = {
    ("core", "fernet_key"): "FERNET_KEY",
    ("api", "secret_key"): "API_SECRET_KEY",
    ("api_auth", "jwt_secret"): "JWT_SECRET",
    ("database", "sql_alchemy_conn"): "DATABASE_URL",
}


def options(name: str) -> set[tuple[str, str]]:
    variables = [word for word in service(name)["environment"] if word.startswith("AIRFLOW__")]
    split = [variable.removeprefix("AIRFLOW__").lower().split("__") for variable in variables]
    return {(section, option.removesuffix("_cmd")) for section, option in split}


@pytest.mark.parametrize("name", SERVICES)
def test_airflow_knows_every_setting(name: str) -> None:
    known = {(section, option) for section, found in conf.as_dict().items() for option in found}
    described = {
        (section, option)
        for section, found in conf.configuration_description.items()
        for option in found.get("options", {})
    }
    assert options(name) <= known | described


def test_secrets_are_read_from_their_files(tmp_path: Path) -> None:
    demo = environment_file("demo.env")
    for name, source in compose()["secrets"].items():
        (tmp_path / name).write_text(demo[source["environment"]])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")}
    for name, value in service("scheduler")["environment"].items():
        environment[name] = value.replace("/run/secrets", str(tmp_path))
    environment["AIRFLOW_HOME"] = str(tmp_path / "home")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASK, json.dumps(list(SECRETS))],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {"/".join(option): demo[name] for option, name in SECRETS.items()}


def test_each_secret_that_a_service_reads_is_given_to_it() -> None:
    for name in SERVICES:
        read = {
            value.rpartition("/")[2]
            for variable, value in service(name)["environment"].items()
            if variable.endswith("_CMD")
        }
        assert read == set(service(name)["secrets"])
