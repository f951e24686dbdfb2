"""Name, size and disk against the rules of IMS."""

from __future__ import annotations

import pytest
from unit.inspection import disk_files as files
from unit.inspection.disk_files import GIB, MIB

from ims_airflow.inspection.file_rules import disk_findings, extension, size_findings, smallest_disk


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.qcow2", "qcow2"),
        ("A.QCOW2", "qcow2"),
        ("b:dir.d/disk", ""),
        ("x/.hidden", ""),
        ("disk.tar.gz", "gz"),
        ("disk.", ""),
    ],
)
def test_extension(name: str, found: str) -> None:
    assert extension(name) == found


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("disk.qcow2", None),
        ("disk.img", None),
        ("disk", None),
        ("disk.vmdk", "warning"),
        ("disk.raw", "warning"),
        ("disk.zvhd2", "warning"),
    ],
)
def test_extension_and_content(name: str, level: str | None) -> None:
    found = files.qcow2().inspected(name).findings
    assert [one.level for one in found] == ([level] if level else [])
    assert all(one.code == "IMG.0057" and "content is qcow2" in one.message for one in found)


@pytest.mark.parametrize(
    ("name", "message"),
    [("d.qcow2", "damaged or misnamed"), ("d-flat.vmdk", "another file"), ("d-f001.vmdk", "another file")],
)
def test_nothing_recognisable_under_a_formats_name(name: str, message: str) -> None:
    (found,) = files.whole(b"", MIB).inspected(name).findings
    assert (found.level, found.code) == ("error", "IMG.0057")
    assert message in found.message


@pytest.mark.parametrize("name", ["disk.zvhd", "disk.ZVHD2"])
def test_formats_known_by_name_only(name: str) -> None:
    found = files.whole(b"", MIB).inspected(name, min_disk=40)
    assert found.format == name.lower().partition(".")[2]
    assert (found.virtual_size, found.min_disk) == (None, None)
    assert [one.level for one in found.findings] == ["note"]


@pytest.mark.parametrize(
    ("disk", "smallest"),
    [
        (0, 40),
        (40 * GIB, 40),
        (40 * GIB + 1, 41),
        (100 * 1000**3, 94),
        (2048 * GIB, 2048),
        (2048 * GIB + 1, None),
        (None, None),
    ],
)
def test_smallest_disk(disk: int | None, smallest: int | None) -> None:
    assert smallest_disk(disk) == smallest


@pytest.mark.parametrize(
    ("disk", "min_disk", "message"),
    [
        (50 * GIB, 50, None),
        (50 * GIB, None, None),
        (50 * GIB + 512, 50, "Set min_disk to 51 or more"),
        (3000 * GIB, None, "min_disk ends at 2048 GB"),
        (GIB, 39, "must be from 40 to 2048"),
        (None, 4096, "must be from 40 to 2048"),
        (None, 40, None),
    ],
)
def test_min_disk(disk: int | None, min_disk: int | None, message: str | None) -> None:
    found = disk_findings(disk, min_disk)
    assert [one.code for one in found] == (["IMG.0055"] if message else [])
    assert message is None or message in found[0].message


@pytest.mark.parametrize(
    ("size", "kind", "level", "message"),
    [
        (127 * GIB, "raw", "warning", "128 * 1000**3"),
        (128 * GIB + 1, "raw", "error", "Bring it in by quick import"),
        (129 * GIB, "zvhd2", "error", "Bring it in by quick import"),
        (300 * GIB, "qcow2", "error", "convert it to raw or zvhd2 and use quick import"),
        (1025 * GIB, "raw", "error", "above 1 TB"),
    ],
)
def test_file_sizes(size: int, kind: str, level: str, message: str) -> None:
    (found,) = size_findings(size, kind)
    assert (found.level, found.code) == (level, "IMG.0059")
    assert message in found.message


def test_everything_is_reported_at_once_the_worst_first() -> None:
    file = files.qcow2(60 * GIB, backing=b"b", crypt=2, snapshots=1)
    found = file.cut(file.size // 2).inspected("d.vmdk", min_disk=40).findings
    assert [one.level for one in found] == ["error"] * 4 + ["warning"] * 2
    assert [one.code for one in found].count("IMG.0055") == 1
