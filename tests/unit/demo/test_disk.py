from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ims_airflow.demo.disk import qcow2_virtual_size, write_qcow2

SHAPES = [
    (1024**3, b"hello " * 100_000),
    (40 * 1024**3, b""),
    (512, b"x" * 512),
    (5 * 1024**3, b"y" * 3_000_000),
]


@pytest.mark.parametrize(("size", "data"), SHAPES)
def test_the_virtual_size_is_read_back(tmp_path: Path, size: int, data: bytes) -> None:
    write_qcow2(tmp_path / "disk.qcow2", virtual_size=size, data=data)
    assert qcow2_virtual_size(tmp_path / "disk.qcow2") == size


@pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-img is not installed")
@pytest.mark.parametrize(("size", "data"), SHAPES)
def test_qemu_finds_no_fault_and_the_data(tmp_path: Path, size: int, data: bytes) -> None:
    path, raw = tmp_path / "disk.qcow2", tmp_path / "disk.raw"
    write_qcow2(path, virtual_size=size, data=data)
    subprocess.run(["qemu-img", "check", path], capture_output=True, check=True)
    info = subprocess.run(["qemu-img", "info", "--output=json", path], capture_output=True, check=True)
    assert json.loads(info.stdout)["virtual-size"] == size
    subprocess.run(["qemu-img", "convert", "-O", "raw", path, raw], check=True)
    with raw.open("rb") as file:
        assert file.read(len(data)) == data


@pytest.mark.parametrize("content", [b"", b"QFI\xfb", b"KDMV" + bytes(512)])
def test_another_file_has_no_qcow2_size(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "disk").write_bytes(content)
    assert qcow2_virtual_size(tmp_path / "disk") is None


def test_more_than_the_writer_can_do_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one L2 table"):
        write_qcow2(tmp_path / "disk.qcow2", virtual_size=1024**5)
