"""Every format and every finding, on files of a few bytes."""

from __future__ import annotations

import pytest
from unit.inspection import disk_files as files
from unit.inspection.disk_files import GIB, MIB, DiskFile

from ims_airflow.inspection.inspection import Inspection

KNOWN: list[tuple[str, DiskFile, int]] = [
    ("qcow2", files.qcow2(), 10 * GIB),
    ("qcow2", files.qcow2(version=2), 10 * GIB),
    ("qcow", files.qcow(), 8 * MIB),
    ("qed", files.qed(), 2 * GIB),
    ("vdi", files.vdi(), 64 * MIB),
    ("vhd", files.fixed_vhd(), MIB),
    ("vhd", files.dynamic_vhd(), 40 * GIB),
    ("vhdx", files.vhdx(), 30 * GIB),
    ("vmdk", files.vmdk(), GIB),
    ("vmdk", files.stream_optimized(), GIB),
    ("raw", files.whole(b"", 3 * MIB), 3 * MIB),
    ("raw", files.whole(b"", 1000), 1024),
    ("raw", files.partitioned(4 * MIB, 4 * MIB), 4 * MIB),
    ("raw", files.gpt(4 * MIB, 4 * MIB), 4 * MIB),
]
REFUSED: list[tuple[str, DiskFile, int | None, str]] = [
    ("iso", files.iso(), 40 * MIB, "ISO image"),
    ("luks", files.luks(), 10 * MIB, "encrypted (LUKS version 1)"),
    ("luks", files.luks(2), 12 * MIB, "encrypted (LUKS version 2)"),
    ("qcow2", files.qcow2(backing=b"base.qcow2"), 10 * GIB, "backing file 'base.qcow2'"),
    ("qcow2", files.qcow2(version=2, backing=b"/a/b"), 10 * GIB, "backing file '/a/b'"),
    ("qcow2", files.qcow2(features=1 << 2), 10 * GIB, "external data file"),
    ("qcow2", files.qcow2(features=1 << 9), 10 * GIB, "features that nobody knows"),
    ("qcow2", files.qcow2(features=1 << 1), 10 * GIB, "marked the file as corrupt"),
    ("qcow2", files.qcow2(version=4), 10 * GIB, "qcow2 of version 4"),
    ("qcow2", files.qcow2(crypt=1), 10 * GIB, "encrypted (AES)"),
    ("qcow2", files.qcow2(crypt=2), 10 * GIB, "encrypted (LUKS)"),
    ("qcow2", files.qcow2(crypt=7), 10 * GIB, "encrypted (method 7)"),
    ("qcow2", files.qcow2(cluster_bits=40), 10 * GIB, "header is damaged"),
    ("qcow", files.qcow(backing=100), 8 * MIB, "backing file"),
    ("qcow", files.qcow(crypt=1), 8 * MIB, "encrypted (AES)"),
    ("qed", files.qed(features=1), 2 * GIB, "backing file"),
    ("qed", files.qed(features=1 << 5), 2 * GIB, "features that nobody knows"),
    ("vdi", files.vdi(kind=4), 64 * MIB, "difference from another image"),
    ("vhd", files.dynamic_vhd(kind=4), 40 * GIB, "parent disk"),
    ("vhd", files.dynamic_vhd(kind=9), 40 * GIB, "unknown disk type 9"),
    ("vhdx", files.vhdx(parent=True), 30 * GIB, "parent disk"),
    ("vmdk", files.vmdk(text=files.descriptor(parent=b"1234abcd")), GIB, "parent disk"),
    ("vmdk", files.vmdk(text=b""), GIB, "one extent of a VMDK"),
    ("vmdk", files.whole(b"COWD\1\0\0\0\0\0\0\0\0\x20\0\0".ljust(512, b"\0")), 4 * MIB, "one extent"),
    ("raw", files.whole(b"\x1f\x8b\x08".ljust(600, b"x")), 1024, "a gzip archive"),
    ("raw", files.whole(bytes(257) + b"ustar".ljust(600, b"x")), 1024, "OVA"),
]


def messages(found: Inspection, level: str = "error") -> str:
    return "\n".join(finding.message for finding in found.findings if finding.level == level)


@pytest.mark.parametrize(("kind", "file", "disk"), KNOWN)
def test_formats_that_ims_takes(kind: str, file: DiskFile, disk: int) -> None:
    found = file.inspected()
    assert (found.format, found.virtual_size, found.size) == (kind, disk, file.size)
    assert found.findings == ()


@pytest.mark.parametrize(("kind", "file", "disk", "message"), REFUSED)
def test_files_that_ims_does_not_take(kind: str, file: DiskFile, disk: int | None, message: str) -> None:
    found = file.inspected()
    assert (found.format, found.virtual_size) == (kind, disk)
    assert message in messages(found)
    assert {finding.code for finding in found.findings} == {"IMG.0057"}


@pytest.mark.parametrize(("kind", "file", "disk"), [row for row in KNOWN if row[0] != "raw"])
def test_a_truncated_file_is_an_error_wherever_it_ends(kind: str, file: DiskFile, disk: int) -> None:
    for size in {16, 100, 300, 1000, 2000, file.size // 3, file.size // 2, file.size * 3 // 4}:
        if size < file.size:
            found = file.cut(size).inspected(f"disk.{kind}")
            assert "IMG.0057" in {one.code for one in found.findings if one.level == "error"}, size
            assert found.virtual_size in {disk, None} or found.format == "raw"


WARNINGS = [
    (files.qcow2(features=1), "not-closed"),
    (files.qcow2(features=1 << 3), "zstd-compression"),
    (files.qcow2(features=1 << 4), "extended-l2"),
    (files.qcow2(snapshots=2), "snapshots"),
    (files.qed(features=2), "not-closed"),
    (files.partitioned(4 * MIB, 3 * MIB), "truncated"),
    (files.gpt(3 * MIB, 4 * MIB), "truncated"),
    (files.vmdk(text=files.descriptor(extents=b'RW 1 SPARSE "/etc/x"')), "unsafe-vmdk"),
    (files.vmdk(text=files.descriptor(b"custom")), "unsafe-vmdk"),
    (DiskFile(5 * 65536, {**files.qcow2().stretches, 32769: b"CD001"}), "ambiguous-format"),
]


@pytest.mark.parametrize(("file", "code"), WARNINGS)
def test_what_is_only_a_warning(file: DiskFile, code: str) -> None:
    assert [(one.level, one.code) for one in file.inspected().findings] == [("warning", code)]


def test_an_empty_file() -> None:
    found = files.whole(b"").inspected("disk.qcow2")
    assert [(one.level, one.code) for one in found.findings] == [("error", "IMG.0057")]
    assert (found.virtual_size, found.min_disk) == (0, 40)


SPLIT = b'RW 4192256 SPARSE "d-s001.vmdk"\nRW 2048 SPARSE "d-s002.vmdk"'


@pytest.mark.parametrize(
    ("kind", "extents", "disk", "named"),
    [
        (b"twoGbMaxExtentSparse", SPLIT, (4192256 + 2048) * 512, "d-s001.vmdk, d-s002.vmdk"),
        (b"monolithicFlat", b'RW 2048 FLAT "d-flat.vmdk" 0', MIB, "d-flat.vmdk"),
        (b"monolithicFlat", b"", None, "monolithicFlat"),
        (b"custom", b"\n".join(b'RW 8 FLAT "%d" 0' % n for n in range(9)), 9 * 4096, "0, 1, 2, …"),
    ],
)
def test_a_descriptor_without_its_data(kind: bytes, extents: bytes, disk: int | None, named: str) -> None:
    found = files.whole(files.descriptor(kind, extents)).inspected("disk.vmdk")
    assert (found.format, found.virtual_size) == ("vmdk", disk)
    assert named in messages(found)


def test_vhd_sizes_are_those_of_qemu() -> None:
    disk = 16 * 17 * 512 * 20 + 5 * 512
    assert files.fixed_vhd(disk, b"win ").inspected().virtual_size == disk
    assert files.fixed_vhd(disk, b"vpc ").inspected().virtual_size == 16 * 17 * 512 * 20


def test_a_vhd_without_the_footer_at_its_end() -> None:
    file = files.dynamic_vhd()
    file = DiskFile(file.size + 512, file.stretches)
    assert "footer that ends every VHD is missing" in messages(file.inspected())


def test_a_stream_without_its_footer() -> None:
    file = files.stream_optimized()
    assert "footer that ends a streamOptimized VMDK is missing" in messages(
        file.cut(file.size - 512).inspected()
    )


@pytest.mark.parametrize("build", [file for _, file, _ in KNOWN])
def test_little_is_read_in_few_requests(build: DiskFile) -> None:
    file = DiskFile(build.size, build.stretches)
    found = file.inspected()
    assert found.effort.requests == len(file.asked) <= 6
    assert found.effort.bytes_read == sum(length for _, length in file.asked) <= 128 * 1024
