"""The settings of the compose file are ones that Airflow knows, and its secrets get there from files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.configuration import conf
from container_files import demo_secrets, service

SERVICES = ("init", "api-server", "scheduler", "dag-processor", "triggerer", "worker")
ASK = """
import json, sys
from airflow.configuration import conf
print(json.dumps({"/".join(name): conf.get(*name) for name in json.loads(sys.argv[1])}))
"""
SECRETS = {
    ("core", "fernet_key"): "fernet_key",
    ("api", "secret_key"): "api_secret_key",
    ("api_auth", "jwt_secret"): "jwt_secret",
    ("database", "sql_alchemy_conn"): "database_url",
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
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")}
    for name, value in service("scheduler")["environment"].items():
        environment[name] = value.replace("$$", "$").replace("/run/secrets", str(demo_secrets()))
    environment["AIRFLOW_HOME"] = str(tmp_path / "home")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASK, json.dumps(list(SECRETS))],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    kept = {name: (demo_secrets() / name).read_text().strip() for name in SECRETS.values()}
    assert found == {"/".join(option): kept[name] for option, name in SECRETS.items()}


def test_each_secret_that_a_service_reads_is_given_to_it() -> None:
    for name in SERVICES:
        read = {
            value.rpartition("/")[2].rstrip(")\"'")
            for variable, value in service(name)["environment"].items()
            if variable.endswith("_CMD")
        }
        assert read == set(service(name)["secrets"])
