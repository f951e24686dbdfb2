"""Image files as the few bytes that matter, each less than 4 KiB, built from the formats' descriptions."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ims_airflow.inspection.inspection import Inspection, inspect
from ims_airflow.inspection.reading import Reading

T = TypeVar("T")
MIB, GIB = 1024**2, 1024**3


@dataclass
class DiskFile:
    """A file of any size: zeros, but for some stretches."""

    size: int
    stretches: Mapping[int, bytes]
    asked: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert sum(len(data) for data in self.stretches.values()) < 4096

    def read(self, offset: int, length: int) -> bytes:
        assert offset >= 0
        assert offset + length <= self.size
        assert 0 < length <= 4 * MIB
        self.asked.append((offset, length))
        content = bytearray(length)
        for start, data in self.stretches.items():
            low, high = max(start, offset), min(start + len(data), offset + length)
            if low < high:
                content[low - offset : high - offset] = data[low - start : high - start]
        return bytes(content)

    def drive(self, reading: Reading[T]) -> T:
        try:
            wanted = next(reading)
            while True:
                wanted = reading.send(self.read(wanted.offset, wanted.length))
        except StopIteration as stop:
            result: T = stop.value
            return result

    def inspected(self, name: str = "disk", min_disk: int | None = None) -> Inspection:
        return self.drive(inspect(name, self.size, min_disk=min_disk))

    def cut(self, size: int) -> DiskFile:
        return DiskFile(size, self.stretches)


def whole(data: bytes, size: int = 0) -> DiskFile:
    return DiskFile(max(len(data), size), {0: data})


def qcow2(
    disk: int = 10 * GIB,
    *,
    version: int = 3,
    backing: bytes = b"",
    crypt: int = 0,
    snapshots: int = 0,
    features: int = 0,
    cluster_bits: int = 16,
    size: int = 5 * 65536,
) -> DiskFile:
    head = struct.pack(
        ">4sIQIIQIIQQIIQ",
        b"QFI\xfb",
        version,
        512 if backing else 0,
        len(backing),
        cluster_bits,
        disk,
        crypt,
        20,
        3 * 65536,
        65536,
        1,
        snapshots,
        65536 * 4 if snapshots else 0,
    )
    if version > 2:
        head += struct.pack(">QQQII", features, 0, 0, 4, 104)
    counted = size // 65536
    return DiskFile(
        size,
        {
            0: head.ljust(512, b"\0") + backing,
            65536: struct.pack(">Q", 2 * 65536),
            2 * 65536: struct.pack(f">{counted}H", *[1] * counted),
        },
    )


def qcow(disk: int = 8 * MIB, *, backing: int = 0, crypt: int = 0) -> DiskFile:
    head = struct.pack(">4sIQIIQBBHIQ", b"QFI\xfb", 1, backing, 0, 0, disk, 12, 9, 0, crypt, 48)
    entries = {56: struct.pack(">Q", 4096), 4096: struct.pack(">Q", 8192)}
    return DiskFile(12288, {0: head, **entries})


def qed(disk: int = 2 * GIB, *, features: int = 0) -> DiskFile:
    head = struct.pack("<4sIIIQQQQQII", b"QED\0", 65536, 4, 1, features, 0, 0, 65536, disk, 0, 0)
    level2 = 65536 * 5
    data = level2 + 65536 * 4
    return DiskFile(
        data + 65536, {0: head, 65536: struct.pack("<Q", level2), level2: struct.pack("<QQ", 1, data)}
    )


def vdi(disk: int = 64 * MIB, *, kind: int = 1, blocks: int = 3) -> DiskFile:
    head = bytearray(512)
    head[:40] = b"<<< QEMU VM Virtual Disk Image >>>\n".ljust(40, b"\0")
    struct.pack_into("<IIII", head, 64, 0xBEDA107F, 0x10001, 0x180, kind)
    struct.pack_into("<II", head, 0x154, 512, 1024)
    struct.pack_into("<Q", head, 0x170, disk)
    struct.pack_into("<IIII", head, 0x178, MIB, 0, disk // MIB, blocks)
    return whole(bytes(head), 1024 + blocks * MIB)


def vhd_footer(disk: int, kind: int, creator: bytes = b"qem2") -> bytes:
    footer = bytearray(512)
    struct.pack_into(
        ">8sIIQI4s", footer, 0, b"conectix", 2, 0x10000, 512 if kind > 2 else 2**64 - 1, 0, creator
    )
    cylinders = min(disk // (16 * 17 * 512), 65535)
    struct.pack_into(">QQHBBI", footer, 40, disk // 2, disk, cylinders, 16, 17, kind)
    return bytes(footer)


def fixed_vhd(disk: int = MIB, creator: bytes = b"qem2") -> DiskFile:
    return DiskFile(disk + 512, {disk: vhd_footer(disk, 2, creator)})


def dynamic_vhd(disk: int = 40 * GIB, kind: int = 3) -> DiskFile:
    footer = vhd_footer(disk, kind)
    header = struct.pack(">8sQQIII", b"cxsparse", 2**64 - 1, 1536, 0x10000, disk // (2 * MIB), 2 * MIB)
    end = 1536 + disk // (2 * MIB) * 4
    return DiskFile(end + 512, {0: footer, 512: header, end: footer})


def vhdx(disk: int = 30 * GIB, *, parent: bool = False) -> DiskFile:
    def entry(name: str, *numbers: int, layout: str) -> bytes:
        return (uuid.UUID(name).bytes_le + struct.pack(layout, *numbers)).ljust(32, b"\0")

    regions = struct.pack("<4sIII", b"regi", 0, 2, 0)
    regions += entry("2dc27766-f623-4200-9d64-115e9bfd4a08", 3 * MIB, MIB, 1, layout="<QII")
    regions += entry("8b7ca206-4790-4b9a-b8fe-575f050f886e", 2 * MIB, MIB, 1, layout="<QII")
    items = struct.pack("<8sHH20x", b"metadata", 0, 2)
    items += entry("caa16737-fa36-4d43-b3b6-33f0aa44e76b", 65536, 8, 4, layout="<III")
    items += entry("2fa54224-cd1b-4876-b211-5dbed83bf4b8", 65544, 8, 6, layout="<III")
    block = 16 * MIB
    return DiskFile(
        8 * MIB + block,
        {
            0: b"vhdxfile",
            192 * 1024: regions,
            2 * MIB: items,
            2 * MIB + 65536: struct.pack("<IIQ", block, 2 if parent else 0, disk),
            3 * MIB: struct.pack("<QQ", 0, 8 * MIB | 6),
        },
    )


DESCRIPTOR = b"""# Disk DescriptorFile
version=1
CID=face1001
parentCID=%s
createType="%s"

# Extent description
%s

# The Disk Data Base
#DDB
ddb.adapterType = "ide"
"""


def descriptor(
    kind: bytes = b"monolithicSparse",
    extents: bytes = b'RW 2097152 SPARSE "disk.vmdk"',
    parent: bytes = b"ffffffff",
) -> bytes:
    return DESCRIPTOR % (parent, kind, extents)


def vmdk(disk: int = GIB, *, text: bytes | None = None, flags: int = 3, directory: int = 21) -> DiskFile:
    head = struct.pack("<4sIIQQQQIQQQ", b"KDMV", 3, flags, disk // 512, 128, 1, 2, 512, 0, directory, 128)
    entries = {21 * 512: struct.pack("<I", 30), 30 * 512: struct.pack("<II", 1, 128)}
    text = descriptor() if text is None else text
    return DiskFile(128 * 512 + 65536, {0: head, 512: text.ljust(1024, b"\0"), **entries})


def stream_optimized() -> DiskFile:
    """As VMware writes it: the footer at the end knows where the grain directory is."""
    file = vmdk(text=descriptor(b"streamOptimized"), flags=0x30001, directory=2**64 - 1)
    body, grain = 0x10000, 300
    known = vmdk(flags=0x30001).stretches[0]
    end = body + 512
    marker = struct.pack("<QII496x", 1, 0, 3)
    footer = marker + known.ljust(512, b"\0") + bytes(512)
    data = {body: struct.pack("<QI", 128, grain), **file.stretches, end: footer[:1024]}
    return DiskFile(end + 1536, data)


def luks(version: int = 1) -> DiskFile:
    head = bytearray(592)
    head[:8] = b"LUKS\xba\xbe" + struct.pack(">H", version)
    struct.pack_into(">I", head, 104, 4096)
    return whole(bytes(head), 4096 * 512 + 10 * MIB)


def iso(size: int = 40 * MIB) -> DiskFile:
    return DiskFile(size, {32768: b"\x01CD001\x01"})


def partitioned(end: int, size: int) -> DiskFile:
    """A raw disk with a partition table of one partition.

    :param end: byte behind the partition.
    """
    head = bytearray(512)
    struct.pack_into("<B3xB3xII", head, 446, 0x80, 0x83, 2048, end // 512 - 2048)
    head[510:] = b"\x55\xaa"
    return whole(bytes(head), size)


def gpt(size: int, last: int) -> DiskFile:
    head = bytearray(1024)
    struct.pack_into("<B3BB3BII", head, 446, 0, 0, 2, 0, 0xEE, 255, 255, 255, 1, last // 512 - 1)
    head[510:512] = b"\x55\xaa"
    head[512:520] = b"EFI PART"
    struct.pack_into("<Q", head, 512 + 32, last // 512 - 1)
    return whole(bytes(head), size)
