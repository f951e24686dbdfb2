from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from container_files import (
    DOCKER,
    DOCKERFILES,
    PROJECT,
    compose,
    demo_secrets,
    environment_file,
    instructions,
    stages,
    values,
)
from packaging.requirements import Requirement

ONE_SHOT = {"init", "demo-file"}
STAYING = sorted(set(compose()["services"]) - ONE_SHOT)
VARIANTS = [("values.yaml",), ("values.yaml", "values-celery.yaml")]
dockerfiles = pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.name))
variants = pytest.mark.parametrize("names", VARIANTS, ids=["kubernetes", "celery"])


def requirement(name: str) -> Requirement:
    lines = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    return next(one for line in lines if (one := Requirement(line)).name == name)


def docker_compose(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = shutil.which("docker-compose")
    if command is None:
        pytest.skip("docker-compose is not installed (it comes with the extra test)")
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        [command, "-f", "docker/compose.yaml", *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@dockerfiles
def test_a_dockerfile_passes_the_linter(path: Path) -> None:
    if shutil.which("hadolint") is None:
        pytest.skip("hadolint is not installed (it comes with the extra test)")
    done = subprocess.run(["hadolint", "--no-color", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@dockerfiles
def test_an_image_runs_without_root_and_with_labels(path: Path) -> None:
    final = stages(path)[-1]
    [user] = [one.rest for one in final if one.word == "USER"]
    assert int(user.split(":")[0]) > 0
    assert any(one.word == "LABEL" and "org.opencontainers.image.title" in one.rest for one in final)


@dockerfiles
def test_what_builds_the_wheel_stays_in_a_stage_of_its_own(path: Path) -> None:
    *building, final = stages(path)
    assert "pip wheel" in " ".join(one.rest for stage in building for one in stage)
    assert not [one for one in final if one.word == "COPY" and "--from=" not in one.rest]
    assert "apt-get" not in path.read_text()


@dockerfiles
def test_the_builder_is_sent_what_is_copied_and_no_more(path: Path) -> None:
    ignored = (PROJECT / ".dockerignore").read_text().split("\n")
    sent = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        word
        for one in instructions(path)
        if one.word == "COPY" and "--from=" not in one.rest
        for word in one.rest.split()[:-1]
    }
    assert "*" in ignored
    assert copied == sent


def test_the_airflow_of_the_image_is_one_that_this_package_is_for() -> None:
    [version] = re.findall(r"ARG AIRFLOW_VERSION=(\S+)", (DOCKER / "Dockerfile").read_text())
    assert requirement("apache-airflow").specifier.contains(version)
    assert values("values.yaml")["airflowVersion"] == version


def test_the_emulators_image_holds_an_aiohttp_that_this_package_is_for() -> None:
    [version] = re.findall(r"aiohttp==(\S+)", (DOCKER / "emulator.Dockerfile").read_text())
    assert requirement("aiohttp").specifier.contains(version)


def test_docker_compose_accepts_the_demo_stack() -> None:
    done = docker_compose("--env-file", "docker/demo.env", "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["services"]) == set(compose()["services"])


def test_docker_compose_accepts_the_stack_for_the_real_cloud(tmp_path: Path) -> None:
    chosen = {**environment_file("demo.env"), "COMPOSE_PROFILES": "", "AIRFLOW_ALL_ADMINS": "false"}
    (tmp_path / "own.env").write_text("".join(f"{name}='{value}'\n" for name, value in chosen.items()))
    done = docker_compose("--env-file", str(tmp_path / "own.env"), "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert not {"emulator", "demo-file"} & set(json.loads(done.stdout)["services"])


@pytest.mark.parametrize("missing", ["AIRFLOW_CONN_HUAWEICLOUD_IMS_DEFAULT", "SECRETS"])
def test_docker_compose_refuses_a_stack_without_what_only_you_know(missing: str, tmp_path: Path) -> None:
    chosen = {name: value for name, value in environment_file("demo.env").items() if name != missing}
    (tmp_path / "own.env").write_text("".join(f"{name}='{value}'\n" for name, value in chosen.items()))
    done = docker_compose("--env-file", str(tmp_path / "own.env"), "config")
    assert done.returncode != 0
    assert missing in done.stderr


@pytest.mark.parametrize("name", sorted(compose()["services"]))
def test_a_container_has_limits_and_can_neither_write_to_its_image_nor_gain_rights(name: str) -> None:
    service = compose()["services"][name]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", STAYING)
def test_a_service_is_checked_and_started_again(name: str) -> None:
    service = compose()["services"][name]
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert service["restart"] == "unless-stopped"


def test_there_are_two_workers_and_two_triggerers() -> None:
    services = compose()["services"]
    assert [services[name]["deploy"]["replicas"] for name in ("worker", "triggerer")] == [2, 2]


def test_only_what_talks_to_the_cloud_has_the_connection() -> None:
    variable = "AIRFLOW_CONN_HUAWEICLOUD_IMS_DEFAULT"
    services = compose()["services"]
    assert {name for name in services if variable in services[name].get("environment", {})} == {
        "worker",
        "triggerer",
    }


@pytest.mark.parametrize("name", sorted(compose()["secrets"]))
def test_a_secret_comes_from_a_file_that_every_container_can_read(name: str) -> None:
    # From the environment none gets into a container with a read-only file system.
    assert set(compose()["secrets"][name]) == {"file"}
    path = demo_secrets() / name
    assert path.stat().st_mode & 0o444 == 0o444
    others = [other for other in DOCKER.rglob("*") if other.is_file() and other.parent != demo_secrets()]
    if name != "postgres_password":  # that of the demo is the user's name
        assert not [other for other in others if path.read_text().strip() in other.read_text()]


def test_each_secret_of_the_demo_is_one_of_the_stack() -> None:
    assert {path.name for path in demo_secrets().iterdir()} == set(compose()["secrets"])


def test_nothing_but_the_api_server_and_the_emulator_can_be_reached_and_only_from_this_machine() -> None:
    services = compose()["services"]
    ports = {name: services[name]["ports"] for name in services if "ports" in services[name]}
    assert set(ports) == {"api-server", "emulator"}
    assert all("127.0.0.1" in port for listed in ports.values() for port in listed)
    assert compose()["networks"]["data"] == {"internal": True}


@variants
def test_the_values_fit_the_charts_own_schema(names: tuple[str, ...]) -> None:
    chart = os.environ.get("AIRFLOW_CHART")
    if not chart:
        pytest.skip("AIRFLOW_CHART does not name a directory with the official Helm chart of Airflow")
    schema = json.loads((Path(chart) / "values.schema.json").read_text())
    known = set(schema["properties"])
    assert set(values(*names)) <= known
    jsonschema.validate(values(*names), schema)


@variants
def test_the_pods_run_without_root_on_a_file_system_that_cannot_be_written(names: tuple[str, ...]) -> None:
    contexts = values(*names)["securityContexts"]
    assert contexts["pod"]["runAsNonRoot"] is True
    assert contexts["containers"]["readOnlyRootFilesystem"] is True
    assert contexts["containers"]["allowPrivilegeEscalation"] is False


@variants
def test_the_network_policy_lets_airflow_talk_to_its_api_server(names: tuple[str, ...]) -> None:
    chosen = values(*names)
    assert chosen["networkPolicies"]["enabled"] is True
    peers = chosen["apiServer"]["networkPolicy"]["ingress"]["from"]
    assert {"podSelector": {"matchLabels": {"tier": "airflow"}}} in peers


@pytest.mark.parametrize(
    ("names", "kind"), [(VARIANTS[0], "kubernetes"), (VARIANTS[1], "celery")], ids=["kubernetes", "celery"]
)
def test_pods_of_tasks_and_triggers_get_the_connection_from_a_secret(
    names: tuple[str, ...], kind: str
) -> None:
    chosen: dict[str, Any] = values(*names)
    for part in (chosen["triggerer"], chosen["workers"][kind]):
        [variable] = part["env"]
        assert variable["name"] == "AIRFLOW_CONN_HUAWEICLOUD_IMS_DEFAULT"
        assert set(variable["valueFrom"]) == {"secretKeyRef"}


def test_kubernetes_and_compose_prepare_the_database_alike() -> None:
    command = " ".join(values("values.yaml")["migrateDatabaseJob"]["args"][-1].split())
    assert compose()["services"]["init"]["command"] == ["bash", "-c", command]


def test_the_policies_allow_what_the_package_asks_for_by_name_and_nothing_with_a_star() -> None:
    policies = [json.loads(path.read_text()) for path in sorted(DOCKER.glob("iam-policy-*.json"))]
    allowed = {action for policy in policies for one in policy["Statement"] for action in one["Action"]}
    source = "\n".join(path.read_text() for path in (PROJECT / "ims_airflow").rglob("*.py"))
    named = set(re.findall(r"\b(?:ims|obs|iam):(?!agencies)[a-zA-Z]+:[a-zA-Z]+\b", source))
    changing = {action for action in named if re.search(":(delete|update|Put)", action)}
    spared = {"obs:bucket:ListAllMyBuckets"}  # the doctor tries it, and does without
    assert named - changing - spared <= allowed
    assert not [action for action in allowed if "*" in action]
    # A policy holds either global actions or those of a region's project.
    scopes = [
        {action.partition(":")[0] for one in p["Statement"] for action in one["Action"]} for p in policies
    ]
    assert all(not ("ims" in scope and scope & {"obs", "iam"}) for scope in scopes)
