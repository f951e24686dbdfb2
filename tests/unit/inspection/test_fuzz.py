"""Headers that nobody would write: no crash, and never more reading than the limits allow."""

from __future__ import annotations

import os
import random
import struct
import tracemalloc
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.inspection import disk_files as files
from unit.inspection.disk_files import DiskFile

from ims_airflow.inspection.finding import LEVELS
from ims_airflow.inspection.formats.recognition import EXAMINE
from ims_airflow.inspection.inspection import inspect_file
from ims_airflow.inspection.reading import MOST_BYTES, MOST_REQUESTS

EXAMPLES = 20_000 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 300
SEEDS = [
    files.qcow2(),
    files.qcow2(version=2, backing=b"base", crypt=1, snapshots=3),
    files.qcow(),
    files.qed(),
    files.vdi(),
    files.fixed_vhd(),
    files.dynamic_vhd(),
    files.vhdx(),
    files.vmdk(),
    files.stream_optimized(),
    files.whole(files.descriptor(b"twoGbMaxExtentSparse", b'RW 8 SPARSE "a.vmdk"')),
    files.luks(),
    files.iso(),
    files.partitioned(2**20, 2**20),
    files.gpt(2**20, 2**20),
]
# Numbers that break arithmetic: zeros, ones, powers of two and what lies beside them.
NUMBERS = st.one_of(
    st.binary(min_size=1, max_size=16),
    st.sampled_from([0, 1, 2, 0xFF, 0xFFFF, 2**31, 2**32 - 1, 2**63, 2**64 - 1, 2**64 - 512, 65536]).flatmap(
        lambda number: st.sampled_from([number.to_bytes(8, "little"), number.to_bytes(8, "big")])
    ),
    st.sampled_from(
        [number.to_bytes(4, order) for number in (0, 1, 2**31, 2**32 - 1) for order in ("big", "little")]
    ),
)


@st.composite
def mutated(draw: st.DrawFn) -> DiskFile:
    seed = draw(st.sampled_from(SEEDS))
    stretches = {start: bytearray(data) for start, data in seed.stretches.items()}
    for _ in range(draw(st.integers(1, 6))):
        data = stretches[draw(st.sampled_from(sorted(stretches)))]
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        patch = draw(NUMBERS)[: len(data) - place]
        data[place : place + len(patch)] = patch
    size = draw(st.one_of(st.just(seed.size), st.integers(0, seed.size * 2), st.just(2**50)))
    return DiskFile(size, {start: bytes(data) for start, data in stretches.items()})


@settings(max_examples=EXAMPLES, deadline=None)
@given(mutated(), st.sampled_from(["disk", "a.qcow2", "a.vmdk", "a.zvhd2", "a.raw"]))
def test_any_header_is_survived_at_bounded_cost(file: DiskFile, name: str) -> None:
    found = file.inspected(name, min_disk=40)
    assert found.format in {*EXAMINE, "zvhd", "zvhd2"}
    assert found.virtual_size is None or found.virtual_size >= 0
    assert found.min_disk is None or 40 <= found.min_disk <= 2048
    assert all(one.level in LEVELS and one.code and one.message.isprintable() for one in found.findings)
    assert len(file.asked) <= MOST_REQUESTS
    assert sum(length for _, length in file.asked) <= MOST_BYTES


@settings(max_examples=EXAMPLES // 3, deadline=None)
@given(
    st.binary(max_size=3000),
    st.sampled_from([b"QFI\xfb", b"KDMV", b"# Disk DescriptorFile\n", b"conectix", b""]),
)
def test_any_bytes_are_survived(content: bytes, mark: bytes) -> None:
    file = files.whole(mark + content)
    assert file.inspected().format in EXAMINE
    assert len(file.asked) <= MOST_REQUESTS


def test_memory_stays_small_however_large_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "disk.vmdk"
    head = struct.pack("<4sIIQQQQIQQQ", b"KDMV", 1, 3, 2**50, 128, 1, 1999, 512, 0, 64, 64)
    path.write_bytes(head + random.Random(1).randbytes(6 * 2**20))
    inspect_file(path)  # what is imported and compiled at the first time does not count
    tracemalloc.start()
    try:
        inspect_file(path)
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()
