"""Runs the commands of the Dockerfiles and of the emulator's service as they stand there, without an engine.

Only places differ: what is ``/wheels`` in a container is a directory of the test here.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import pytest
import requests
from container_files import (
    DOCKER,
    PROJECT,
    Instruction,
    environment_file,
    health_command,
    service,
    stages,
)

from ims_airflow.demo.port import free_port
from ims_airflow.inspection.command import run_inspect

AIRFLOW, EMULATOR = DOCKER / "Dockerfile", DOCKER / "emulator.Dockerfile"


class Place:
    """A directory that stands for the file system of a container.

    :param python: whose directory comes first on the path.
    """

    def __init__(self, directory: Path, python: Path) -> None:
        self.directory = directory
        self._python = python

    def here(self, text: str) -> str:
        """Say where the places of the container are."""
        for place in ("/opt", "/wheels"):
            text = text.replace(place, f"{self.directory}{place}")
        return text.replace("${HOME}", str(self.directory))  # where pip's own settings lie, HOME stays

    def run(self, stage: list[Instruction]) -> None:
        """Do what the COPY and RUN instructions of a stage say."""
        source = self.directory / "source"
        for one in stage:
            if one.word == "COPY" and "--from=" not in one.rest:
                source.mkdir(parents=True, exist_ok=True)
                *names, target = one.rest.split()
                for name in names:
                    _copy(PROJECT / name, source / target)
            if one.word == "RUN":
                self.shell(one.shell, source)

    def shell(self, command: str, directory: Path | None = None) -> None:
        path = f"{self._python.parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path}
        environment.pop("PYTHONPATH", None)
        subprocess.run(
            ["bash", "-ec", self.here(command)], cwd=directory or self.directory, env=environment, check=True
        )


def _copy(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(path, target)


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a bare environment, as the slim image has one."""
    directory = tmp_path_factory.mktemp("builder")
    venv.create(directory, with_pip=True)
    return directory / "bin" / "python"


@pytest.fixture(scope="module")
def emulator_image(tmp_path_factory: pytest.TempPathFactory, builder: Path) -> Place:
    place = Place(tmp_path_factory.mktemp("emulator-image"), builder)
    place.run(stages(EMULATOR)[0])
    return place


def test_the_image_gets_this_package_and_keeps_its_airflow(tmp_path: Path, builder: Path) -> None:
    first, final = stages(AIRFLOW)
    Place(tmp_path, builder).run(first)

    # A base image of sorts: the Airflow of this environment, and the constraints that it fulfils.
    venv.create(tmp_path / "base", with_pip=True)
    python = tmp_path / "base" / "bin" / "python"
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (Path(site) / "base.pth").write_text(sysconfig.get_path("purelib"))
    freeze = [sys.executable, "-m", "pip", "freeze", "--exclude-editable", "--exclude", "ims-airflow"]
    constraints = subprocess.run(freeze, capture_output=True, text=True, check=True).stdout
    (tmp_path / "constraints.txt").write_text(constraints)
    (tmp_path / "opt" / "airflow").mkdir(parents=True)
    Place(tmp_path, python).run(final)

    installed = {path.name for path in Path(site).glob("*.dist-info")}
    assert not any(name.startswith("apache_airflow") for name in installed)
    [package] = metadata.distributions(name="ims-airflow", path=[site])
    assert {"apache_airflow_provider", "airflow.plugins"} <= package.entry_points.groups
    assert (Path(site) / "ims_airflow" / "plugin" / "static" / "index.html").exists()
    assert (Path(site) / "ims_airflow" / "example_dags" / "example_ims_data_image.py").exists()
    assert (tmp_path / "opt" / "airflow" / "auth").is_dir()


def test_the_emulators_image_has_aiohttp_and_nothing_of_airflow(emulator_image: Place) -> None:
    [site] = (emulator_image.directory / "opt/emulator/lib").glob("python*/site-packages")
    installed = {path.name.split("-")[0] for path in site.glob("*.dist-info")}
    assert {"ims_airflow", "aiohttp"} <= installed
    assert not installed & {"apache_airflow", "requests", "rich", "pip", "hatchling", "oslo_utils"}


@contextmanager
def running(place: Place, port: int) -> Iterator[None]:
    [entrypoint] = [one for one in stages(EMULATOR)[-1] if one.word == "ENTRYPOINT"]
    words = [*entrypoint.arguments, *service("emulator")["command"]]
    command = [str(port) if word == "8090" else place.here(word) for word in words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={"PATH": "/usr/bin"}) as process:
        assert process.stdout
        process.stdout.readline()
        yield
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


def there(place: Place, words: list[str], port: int) -> subprocess.CompletedProcess[bytes]:
    """Run a command of the emulator's image, for the emulator that listens here."""
    addressed = [word.replace("emulator:8090", f"localhost:{port}") for word in words]
    command = [place.here(word).replace("localhost:8090", f"localhost:{port}") for word in addressed]
    return subprocess.run(command, env={"PATH": "/usr/bin"}, capture_output=True, check=False)


def test_the_emulators_service_starts_is_healthy_and_has_the_demos_file(
    emulator_image: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    assert there(emulator_image, health_command("emulator"), port).returncode != 0
    with running(emulator_image, port):
        assert there(emulator_image, health_command("emulator"), port).returncode == 0
        filled = there(emulator_image, service("demo-file")["entrypoint"], port)
        assert filled.returncode == 0, filled.stderr
        shown = requests.get(f"http://127.0.0.1:{port}/_emulator/settings", timeout=5).json()
        assert (shown["buckets"], shown["job_seconds"]) == (["demo-images"], 20)

        # The demo's Connection leads there, and its file is one that an image can be made of.
        variable = "AIRFLOW_CONN_HUAWEICLOUD_IMS_DEFAULT"
        connection = environment_file("demo.env")[variable].replace("emulator:8090", f"127.0.0.1:{port}")
        monkeypatch.setenv(variable, connection)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert run_inspect("demo-images:images/data.raw", min_disk=40) == 0, capsys.readouterr()
