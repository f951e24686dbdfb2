"""``ims-airflow inspect``: what it prints, how it exits, and where it finds its account."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from unit.inspection import disk_files as files

from ims_airflow.client.sync import Client
from ims_airflow.emulator import EmulatorServer
from ims_airflow.exceptions import InvalidInputError
from ims_airflow.inspection.access import connection_in
from ims_airflow.inspection.command import run_inspect
from ims_airflow.protocol.account import Account
from ims_airflow.protocol.credentials import AccessKey
from ims_airflow.protocol.endpoints import endpoints_for
from ims_airflow.protocol.image_url import ImageUrl
from ims_airflow.protocol.obs import put_object


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk.qcow2"
    file = files.qcow2()
    path.write_bytes(file.read(0, file.size))
    return path


def test_json(disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_inspect(str(disk), as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert {name: found[name] for name in ("format", "virtual_size", "size", "min_disk", "findings")} == {
        "format": "qcow2",
        "virtual_size": 10 * 1024**3,
        "size": 5 * 65536,
        "min_disk": 40,
        "findings": [],
    }


def test_table_and_exit_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "d.raw"
    path.touch()
    assert run_inspect(str(path)) == 1
    out = capsys.readouterr().out
    assert "IMG.0057" in out
    assert "The file is empty." in out


def test_min_disk(disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_inspect(str(disk), min_disk=39, as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["code"] == "IMG.0055"


@pytest.mark.parametrize("target", ["/not/there.qcow2", "x:y", "Bucket:key", "s3://b/k", "."])
def test_what_is_neither_file_nor_object(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_inspect(target) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ims-airflow inspect: ")


def test_a_local_file_imports_neither_airflow_nor_http(disk: Path) -> None:
    program = (
        "import sys; from ims_airflow.inspection.command import run_inspect; "
        "status = run_inspect(sys.argv[1], as_json=True); "
        "assert not {'airflow', 'requests', 'aiohttp'} & sys.modules.keys(); sys.exit(status)"
    )
    subprocess.run([sys.executable, "-c", program, str(disk)], check=True, capture_output=True)


def test_a_path_that_exists_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: Path) -> None:
    disk.rename(tmp_path / "bucket:disk.qcow2")
    monkeypatch.chdir(tmp_path)
    assert run_inspect("bucket:disk.qcow2") == 0


def test_an_object(
    emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = emulator.settings
    endpoints = endpoints_for(settings.region, ims=emulator.url, obs=emulator.url, obs_path_style=True)
    account = Account(AccessKey(settings.ak, settings.sk), endpoints, project_id=settings.project_id)
    file = files.qcow2(50 * 1024**3, backing=b"base")
    with Client(account) as client:
        client.run(put_object(ImageUrl(settings.buckets[0], "my disk.qcow2"), file.read(0, file.size)))
    extra = {
        "region": settings.region,
        "project_id": settings.project_id,
        "ims_endpoint": emulator.url,
        "iam_endpoint": emulator.url,
        "obs_endpoint": emulator.url,
        "obs_addressing": "path",
    }
    connection = {
        "conn_type": "huaweicloud_ims",
        "login": settings.ak,
        "password": settings.sk,
        "extra": extra,
    }
    monkeypatch.setenv("AIRFLOW_CONN_CLOUD", json.dumps(connection))
    target = f"{settings.buckets[0]}:my disk.qcow2"
    assert run_inspect(target, min_disk=40, as_json=True, conn_id="cloud") == 1
    found = json.loads(capsys.readouterr().out)
    assert [one["code"] for one in found["findings"]] == ["IMG.0057", "IMG.0055", "IMG.0175"]
    assert found["min_disk"] == 50
    assert settings.sk not in json.dumps(found)
    assert run_inspect(f"{settings.buckets[0]}:none", conn_id="cloud") == 1
    assert "There is no such object" in " ".join(capsys.readouterr().out.split())


def test_connections_of_the_environment() -> None:
    text = json.dumps({"login": "ak", "password": "sk", "extra": {"region": "r"}})
    for spelled in (
        text,
        "huaweicloud-ims://ak:sk@/?region=r",
        "x://ak:sk@/?__extra__=%7B%22region%22%3A%20%22r%22%7D",
    ):
        found = connection_in("a_b", {"AIRFLOW_CONN_A_B": spelled})
        assert found is not None
        assert (found.login, found.password, json.loads(found.extra or "")) == ("ak", "sk", {"region": "r"})
        assert "sk" not in repr(found)


def test_the_variables_of_the_sdk() -> None:
    given = {"HUAWEICLOUD_SDK_AK": "ak", "HUAWEICLOUD_SDK_SK": "sk", "HW_REGION_NAME": "r"}
    found = connection_in("c", given)
    assert found is not None
    assert (found.login, found.password, found.extra) == ("ak", "sk", '{"region": "r"}')
    assert connection_in("c", {"HUAWEICLOUD_SDK_AK": "ak"}) is None


@pytest.mark.parametrize("text", ['{"password": "hidden"', "x://[hidden"])
def test_a_connection_that_cannot_be_read_is_not_quoted(text: str) -> None:
    with pytest.raises(InvalidInputError, match="AIRFLOW_CONN_C is not") as caught:
        connection_in("c", {"AIRFLOW_CONN_C": text})
    assert "hidden" not in str(caught.value)
