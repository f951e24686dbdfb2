"""Files that ``qemu-img`` writes, against what ``qemu-img info`` says of them."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from ims_airflow.inspection.inspection import Inspection, inspect, inspect_file
from ims_airflow.inspection.reading import read_file

pytestmark = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="needs qemu-img (qemu-utils)")

MIB = 1024**2
SIZES = ("1M", "50M", "70000512")  # the last one is no multiple of a cluster, and holds half a sector more
DRIVERS = {"vpc": "vhd"}
SECRET = ("--object", "secret,id=key,data=test-passphrase")

# Format and options of everything that can be converted to, and whether IMS will take it.
VARIANTS: list[tuple[str, str, bool]] = [
    ("qcow2", "", True),
    ("qcow2", "compat=0.10", True),
    ("qcow2", "cluster_size=512", True),
    ("qcow2", "cluster_size=2M", True),
    ("qcow2", "refcount_bits=1", True),
    ("qcow2", "refcount_bits=64,cluster_size=4k", True),
    ("qcow2", "lazy_refcounts=on", True),
    ("qcow2", "preallocation=metadata", True),
    ("qcow2", "preallocation=full", True),
    ("qcow", "", True),
    ("qed", "", True),
    ("qed", "cluster_size=4096,table_size=2", True),
    ("vdi", "", True),
    ("vdi", "static=on", True),
    ("vhdx", "", True),
    ("vhdx", "subformat=fixed", True),
    ("vhdx", "block_size=1M", True),
    ("vpc", "", True),
    ("vpc", "force_size=on", True),
    ("vpc", "subformat=fixed", True),
    ("vpc", "subformat=fixed,force_size=on", True),
    ("vmdk", "", True),
    ("vmdk", "subformat=streamOptimized", True),
    ("vmdk", "subformat=monolithicFlat", False),
    ("vmdk", "subformat=twoGbMaxExtentSparse", False),
    ("vmdk", "subformat=twoGbMaxExtentFlat", False),
    ("raw", "", True),
]


def qemu_img(*arguments: object) -> str:
    command = ["qemu-img", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def create_encrypted(*arguments: object) -> None:
    for _ in range(20):
        try:
            qemu_img("create", *SECRET, *arguments)
        except subprocess.CalledProcessError as error:
            # LUKS measures how fast this machine is, and gives up when others use it, too.
            if "CPU usage" not in error.stderr:
                raise
        else:
            return
    pytest.skip("qemu-img cannot measure this busy machine, which LUKS insists on")


def assert_as_qemu_says(path: Path, found: Inspection, driver: str) -> None:
    # QEMU does not find out by itself about fixed VHDs.
    options = ["-f", driver] if driver == "vpc" else []
    said = json.loads(qemu_img("info", "--output=json", *options, path))
    assert found.format == DRIVERS.get(said["format"], said["format"])
    assert found.virtual_size == said["virtual-size"]
    assert found.size == path.stat().st_size


def errors(found: Inspection) -> list[str]:
    return [one.message for one in found.findings if one.level == "error"]


@pytest.fixture(params=SIZES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A disk with data at its beginning, its end and some places between, never twice the same."""
    size = int(request.param[:-1]) * MIB if request.param.endswith("M") else int(request.param)
    path, chance = tmp_path / "source.raw", random.Random(size)
    with path.open("wb") as file:
        file.truncate(size)
        for place in [0, size - 5000, *(chance.randrange(size - 70000) for _ in range(9))]:
            file.seek(max(place, 0))
            file.write(chance.randbytes(min(chance.randrange(1, 65536), size - max(place, 0))))
    return path


@pytest.mark.parametrize(("driver", "options", "taken"), VARIANTS)
def test_converted_disks(source: Path, tmp_path: Path, driver: str, options: str, taken: bool) -> None:
    path = tmp_path / f"disk.{DRIVERS.get(driver, driver)}"
    qemu_img("convert", "-O", driver, *(["-o", options] if options else []), source, path)
    found = inspect_file(path, min_disk=40)
    assert_as_qemu_says(path, found, driver)
    assert bool(errors(found)) is not taken
    assert found.effort.bytes_read <= 160 * 1024


@pytest.mark.parametrize("options", ["compression_type=zlib", "compression_type=zstd"])
def test_compressed_qcow2(source: Path, tmp_path: Path, options: str) -> None:
    path = tmp_path / "disk.qcow2"
    qemu_img("convert", "-c", "-O", "qcow2", "-o", options, source, path)
    found = inspect_file(path)
    assert_as_qemu_says(path, found, "qcow2")
    assert errors(found) == []
    assert [one.code for one in found.findings] == (["zstd-compression"] if "zstd" in options else [])


# Of these the last cluster may be stored in part, so only what is cut before it can be noticed.
SLACK = {"qcow2": 65536, "vmdk": 0, "qcow": 0, "qed": 0, "vdi": 0, "vhdx": 0, "vpc": 0}


@pytest.mark.parametrize("driver", SLACK)
def test_truncated_anywhere(source: Path, tmp_path: Path, driver: str) -> None:
    path = tmp_path / f"disk.{DRIVERS.get(driver, driver)}"
    qemu_img("convert", "-O", driver, source, path)
    size = path.stat().st_size
    early = [1, 3, 8, 63, 100, 511, 512, 513, 1024, 4096, 65535, 65536, 65537, 196608]
    late = [size - lost for lost in (1, 511, 512, 513, 4096, 65536, 65537, 200000)]
    for length in [*early, *late, *(size * part // 50 for part in range(1, 50))]:
        if 0 < length < size - SLACK[driver]:
            assert errors(read_file(path, inspect(path.name, length))), f"{length} of {size}"


def test_truncated_streams(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "disk.vmdk"
    qemu_img("convert", "-O", "vmdk", "-o", "subformat=streamOptimized", source, path)
    size = path.stat().st_size
    # QEMU fills the last grain up with zeros, which nobody misses.
    for length in [1, 512, 4096, size - 65536, *(size * part // 50 for part in range(1, 41))]:
        assert errors(read_file(path, inspect(path.name, length))), f"{length} of {size}"


@pytest.mark.parametrize("driver", ["qcow2", "qcow", "qed", "vmdk"])
def test_backing_files(tmp_path: Path, driver: str) -> None:
    base, path = tmp_path / "base", tmp_path / "disk"
    kind = "vmdk" if driver == "vmdk" else "raw"
    qemu_img("create", "-f", kind, base, "64M")
    qemu_img("create", "-f", driver, "-b", base, "-F", kind, path)
    found = inspect_file(path)
    assert_as_qemu_says(path, found, driver)
    assert any("not complete by itself" in message for message in errors(found))


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("qcow2", "encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10"),
        ("qcow2", "encrypt.format=aes,encrypt.key-secret=key"),
        ("qcow", "encrypt.format=aes,encrypt.key-secret=key"),
        ("luks", "key-secret=key,iter-time=10"),
    ],
)
def test_encrypted_disks(tmp_path: Path, driver: str, options: str) -> None:
    path = tmp_path / "disk"
    create_encrypted("-f", driver, "-o", options, path, "64M")
    found = inspect_file(path)
    assert_as_qemu_says(path, found, driver)
    assert any("is encrypted" in message for message in errors(found))


@pytest.mark.parametrize("driver", ["raw", "qcow2", "vdi", "vhdx", "qed", "vmdk", "vpc"])
def test_two_terabytes_of_nothing(tmp_path: Path, driver: str) -> None:
    path = tmp_path / "disk"
    size = 2040 * 1024**3  # a VHD ends there
    qemu_img("create", "-q", "-f", driver, *(["-o", "force_size=on"] if driver == "vpc" else []), path, size)
    found = inspect_file(path)
    assert_as_qemu_says(path, found, driver)
    assert found.min_disk == 2040
    assert bool(errors(found)) is (driver == "raw")  # as a file of 2 TB it is too large
    assert found.effort.bytes_read <= 512 * 1024


def test_snapshots(tmp_path: Path) -> None:
    path = tmp_path / "disk.qcow2"
    qemu_img("create", "-f", "qcow2", path, "64M")
    for name in ("one", "two"):
        qemu_img("snapshot", "-c", name, path)
    found = inspect_file(path)
    assert [(one.level, one.code) for one in found.findings] == [("warning", "snapshots")]
    assert "2 internal snapshots" in found.findings[0].message


def test_other_qcow2_features(tmp_path: Path) -> None:
    path = tmp_path / "disk.qcow2"
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={tmp_path / 'data.raw'}", path, "64M")
    assert any("external data file" in message for message in errors(inspect_file(path)))
    qemu_img("create", "-f", "qcow2", "-o", "extended_l2=on", path, "64M")
    assert [one.code for one in inspect_file(path).findings] == ["extended-l2"]


@pytest.mark.parametrize("change", [["100M"], ["--shrink", "10M"]])
def test_resized_disks(tmp_path: Path, change: Sequence[str]) -> None:
    path = tmp_path / "disk.qcow2"
    qemu_img("create", "-f", "qcow2", "-o", "preallocation=full", path, "50M")
    qemu_img("resize", "-q", *change[:-1], path, change[-1])
    found = inspect_file(path)
    assert_as_qemu_says(path, found, "qcow2")
    assert found.findings == ()


@pytest.mark.skipif(shutil.which("genisoimage") is None, reason="needs genisoimage")
@pytest.mark.parametrize("options", [[], ["-udf"], ["-J", "-R"]])
def test_iso_images(tmp_path: Path, options: Sequence[str]) -> None:
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "file").write_bytes(bytes(100_000))
    path = tmp_path / "disk.iso"
    command = ["genisoimage", "-quiet", *options, "-o", str(path), str(tmp_path / "content")]
    subprocess.run(command, check=True, capture_output=True)
    found = inspect_file(path)
    assert (found.format, found.virtual_size) == ("iso", path.stat().st_size)
    assert "ISO image" in errors(found)[0]


@pytest.mark.skipif(shutil.which("sfdisk") is None, reason="needs sfdisk")
@pytest.mark.parametrize("label", ["dos", "gpt"])
def test_raw_disks_with_partitions(tmp_path: Path, label: str) -> None:
    path = tmp_path / "disk.raw"
    qemu_img("create", "-f", "raw", path, "64M")
    subprocess.run(
        ["sfdisk", "-q", str(path)],
        input=f"label: {label}\n,20M\n,\n",
        text=True,
        check=True,
        capture_output=True,
    )
    found = inspect_file(path)
    assert_as_qemu_says(path, found, "raw")
    assert found.findings == ()
    cut = read_file(path, inspect(path.name, 63 * MIB))
    assert [(one.level, one.code) for one in cut.findings] == [("warning", "truncated")]
