"""What it costs to look into a 100 GB disk: requests, bytes and time for each format.

Run: ``PYTHONPATH=tests python -m benchmarks.inspection_reads [--runs 5] [--json FILE]``. The files are sparse
and made by ``qemu-img`` in a temporary directory; where that is missing, only a raw disk is looked at. Each
is read as a local file and, in ranges, as an object of the emulator.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.results import save

from ims_airflow.client.sync import Client
from ims_airflow.emulator import EmulatorServer, Settings
from ims_airflow.inspection.inspection import Inspection, inspect_file, inspect_object
from ims_airflow.protocol.account import Account
from ims_airflow.protocol.credentials import AccessKey
from ims_airflow.protocol.endpoints import endpoints_for
from ims_airflow.protocol.image_url import ImageUrl
from ims_airflow.protocol.obs import head_object

DISK = 100 * 1024**3
FORMATS = {
    "raw": (),
    "qcow2": (),
    "qcow": (),
    "qed": (),
    "vdi": (),
    "vhdx": (),
    "vpc": ("-o", "force_size=on"),
    "vmdk": (),
    "vmdk stream": ("-o", "subformat=streamOptimized"),
}


def disks(folder: Path) -> Iterator[tuple[str, Path]]:
    for name, options in FORMATS.items():
        path = folder / f"{name.replace(' ', '-')}.img"
        if name == "raw":
            path.touch()
            with path.open("r+b") as file:
                file.truncate(DISK)
        elif shutil.which("qemu-img"):
            command = ["qemu-img", "create", "-q", "-f", name.split()[0], *options, str(path), str(DISK)]
            subprocess.run(command, check=True)
        else:
            continue
        yield name, path


def timed(look: Callable[[], Inspection], runs: int) -> tuple[Inspection, float]:
    """Return the last result and the shortest time in milliseconds."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        found = look()
        times.append((time.perf_counter() - start) * 1000)
    return found, min(times)


def show(name: str, how: str, found: Inspection, milliseconds: float) -> dict[str, float]:
    assert found.virtual_size == DISK, (name, found)
    effort = found.effort
    print(f"{name:<12} {how:<9} {effort.requests:>8} {effort.bytes_read:>10,} {milliseconds:>9.1f}")
    return {"requests": effort.requests, "bytes": effort.bytes_read, "ms": milliseconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", help="where to write the results")
    options = parser.parse_args()
    runs, settings, rows = options.runs, Settings(), {}
    print(
        f"Python {platform.python_version()}, {platform.machine()}; a disk of 100 GB, the best of {runs} runs"
    )
    print(f"{'format':<12} {'read from':<9} {'requests':>8} {'bytes':>10} {'ms':>9}")
    with tempfile.TemporaryDirectory() as folder, EmulatorServer(settings) as server:
        endpoints = endpoints_for(settings.region, ims=server.url, obs=server.url, obs_path_style=True)
        account = Account(AccessKey(settings.ak, settings.sk), endpoints, project_id=settings.project_id)
        with Client(account) as client:
            for name, path in disks(Path(folder)):
                row = show(name, "file", *timed(lambda path=path: inspect_file(path), runs))  # type: ignore[misc]
                rows[f"{name}, file"] = row
                url = ImageUrl(settings.buckets[0], path.name)
                data = b"" if name == "raw" else path.read_bytes()  # sparse there, too
                server.put_object(url.bucket, url.key, data, size=path.stat().st_size)
                stored = client.run(head_object(url))
                row = show(
                    name,
                    "OBS",
                    *timed(lambda stored=stored: client.run(inspect_object(stored)), runs),  # type: ignore[misc]
                )
                rows[f"{name}, OBS"] = row
    save("inspection-reads", rows, options.json)


if __name__ == "__main__":
    main()
