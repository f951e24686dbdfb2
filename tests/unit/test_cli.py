from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from ims_airflow import __version__
from ims_airflow.cli import main


def status_of_exit(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return int(str(stop.value.code))


@pytest.mark.parametrize("command", ["", "demo", "emulator", "inspect", "doctor"])
def test_help_is_given_and_is_no_error(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of_exit(*command.split(), "--help") == 0
    assert capsys.readouterr().out.startswith("usage: ims-airflow")


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of_exit("--version") == 0
    assert capsys.readouterr().out == f"ims-airflow {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "COMMAND"),
        (["destroy"], "invalid choice: 'destroy'"),
        (["emulator"], "--port"),
        (["emulator", "--port", "70000"], "'70000' is not a port"),
        (["emulator", "--port", "-1"], "'-1' is not a port"),
        (["emulator", "--port", "0", "--job-seconds", "soon"], "'soon' is not a number of seconds"),
        (["emulator", "--port", "0", "--job-seconds", "-1"], "'-1' is not a number of seconds"),
        (["demo", "--nonsense"], "--nonsense"),
        (["doctor", "--conn-id"], "--conn-id"),
    ],
)
def test_wrong_usage_is_explained(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of_exit(*arguments) == 2
    assert complaint in capsys.readouterr().err


def test_a_file_that_does_not_exist_is_named_in_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["demo", "--file", str(tmp_path / "no.qcow2")]) == 1
    assert capsys.readouterr().err == f"ims-airflow: there is no file {tmp_path / 'no.qcow2'}\n"


def test_a_directory_in_use_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    assert main(["demo", "--directory", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"ims-airflow: {tmp_path} must be a new or an empty directory\n"


@pytest.mark.parametrize("command", ["emulator", "doctor"])
def test_help_imports_neither_airflow_nor_http(command: str) -> None:
    program = (
        "import sys\nfrom ims_airflow.cli import main\n"
        f"try:\n    main(['{command}', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'airflow', 'requests', 'aiohttp', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


def test_the_emulator_serves_what_it_was_told_until_ctrl_c() -> None:
    told = "--project-id p1 --region eu-west-101 --bucket one --bucket two --job-seconds 0.5".split()
    command = [sys.executable, "-m", "ims_airflow", "emulator", "--port", "0", *told]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        address = process.stdout.readline().split()[-1]
        settings = requests.get(f"{address}/_emulator/settings", timeout=5).json()
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    assert settings.items() >= {"project_id": "p1", "region": "eu-west-101", "job_seconds": 0.5}.items()
    assert settings["buckets"] == ["one", "two"]


def test_the_emulator_refuses_a_public_address_unless_told_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emulator", "--port", "0", "--host", "0.0.0.0"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("ims-airflow: host: 0.0.0.0 is not a loopback address")
    assert "--public" in error
    assert error.count("\n") == 1


def test_the_emulator_listens_on_a_public_address_when_told_to() -> None:
    command = [
        sys.executable,
        "-m",
        "ims_airflow",
        "emulator",
        "--port",
        "0",
        "--host",
        "0.0.0.0",
        "--public",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = process.stdout.readline().split()[-1].rpartition(":")[2]
        health = requests.get(f"http://127.0.0.1:{port}/_emulator/health", timeout=5)
        process.send_signal(signal.SIGTERM)
    assert health.json()["status"] == "ok"
    assert process.returncode == 0


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert main(["emulator", "--port", str(port)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("ims-airflow: ")
    assert error.count("\n") == 1
    assert f"{port}" in error
