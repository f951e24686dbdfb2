"""The demo: an emulated cloud, a real Airflow, and the example DAG from upload to image."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console

from ims_airflow.demo.cloud import BUCKET, DemoCloud
from ims_airflow.demo.dag_files import EXAMPLE_DAG, example_dags
from ims_airflow.demo.disk import qcow2_virtual_size, write_qcow2
from ims_airflow.demo.environment import without_proxy
from ims_airflow.demo.failure import DemoError
from ims_airflow.demo.interrupts import InterruptedDemo, interruptible, uninterrupted
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.pursuit import Pursuit
from ims_airflow.demo.report import show_error, show_failures, show_image
from ims_airflow.demo.session import adopt_orphans
from ims_airflow.demo.stack import AirflowStack
from ims_airflow.demo.story import Story
from ims_airflow.demo.views import shown

STEPS = {
    "emulator": "Start the emulated cloud",
    "upload": "Upload the image file",
    "airflow": "Start Airflow",
    "check_upload": "Check the upload",
    "preflight": "Look into the file",
    "create_data_image": "Request the image",
    "wait_for_image": "Follow the job",
    "use_image": "Use the image",
}
_RUN_TIMEOUT = 75.0
_JOB_SECONDS = 9.0  # over before the triggerer's first look, which comes 10 to 20 s after the worker's
_SMALLEST_DISK = 40  # GB, of IMS


def run_demo(file: Path | None, *, keep_running: bool = False, directory: Path | None = None) -> int:
    """Run the demo and return the exit status: 0 only when the image is active.

    :param file: image file; None for a small one that is made here.
    :param keep_running: keep everything running until Ctrl-C, for a look at the UI.
    :param directory: keeps what Airflow and the emulator wrote; must be new or empty. None: nothing is kept.
    :raises DemoError: one of these cannot be used.
    """
    _check(file, directory)
    console = Console()
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = without_proxy()
    adopt_orphans()
    try:
        with interruptible(), Keeper() as keeper, _workplace(directory, keeper) as place:
            return _Demo(console, place, keeper).run(file, keep_running=keep_running)
    except InterruptedDemo as interruption:
        console.print("Stopped. Nothing is left running.")
        return interruption.exit_status
    except DemoError as error:
        show_error(console, error)
        return 1


class _Demo:
    def __init__(self, console: Console, place: Path, keeper: Keeper) -> None:
        self._console = console
        self._place = place
        self._keeper = keeper

    def run(self, file: Path | None, *, keep_running: bool) -> int:
        with DemoCloud(job_seconds=_JOB_SECONDS) as cloud:
            stack = AirflowStack(
                self._place / "airflow", example_dags(), self._keeper, connections=cloud.connections
            )
            try:
                with shown(STEPS, self._console) as story:
                    pursuit, succeeded = self._tell(story, cloud, stack, file or self._own_file())
                status = self._conclude(pursuit, cloud, succeeded=succeeded)
                if keep_running:
                    self._hold(stack, cloud)
            finally:
                with uninterrupted(forget=True):
                    self._console.print("Stopping Airflow and the emulated cloud …", style="dim")
                    stack.stop()
        return status

    def _own_file(self) -> Path:
        path = self._place / "ims-airflow-demo.qcow2"
        write_qcow2(path, data=b"This disk was made by the demo of ims_airflow.\n" * 50_000)
        return path

    def _tell(self, story: Story, cloud: DemoCloud, stack: AirflowStack, file: Path) -> tuple[Pursuit, bool]:
        try:
            story.finish("emulator", f"IMS, IAM and OBS on {cloud.url}")
            story.tell("upload", f"{file.name}, {file.stat().st_size:,} bytes")
            key = _key(file)
            cloud.upload(file, key)
            story.finish("upload", f"{BUCKET}:{key}, {file.stat().st_size:,} bytes")
            story.tell("airflow", "API server, scheduler, DAG processor, triggerer")
            stack.start()
            stack.wait_for_dag(EXAMPLE_DAG)
            story.finish("airflow", f"all four are healthy, REST API and UI on {stack.url}")
            run_id = stack.api.trigger(EXAMPLE_DAG, _conf(file, key))
            pursuit = Pursuit(stack.api, cloud, story, run_id)
            succeeded = pursuit.follow(_RUN_TIMEOUT)
        except BaseException:
            story.fail_current()
            raise
        story.fail_current()  # what is still going on then has taken too long
        return pursuit, succeeded

    def _conclude(self, pursuit: Pursuit, cloud: DemoCloud, *, succeeded: bool) -> int:
        if not succeeded:
            show_failures(self._console, pursuit.failures())
            return 1
        job = pursuit.value("wait_for_image")
        image = cloud.image(job["image_id"])
        if image is None or image.status != "active":
            raise DemoError(f"the run succeeded, but the cloud has no active image {job['image_id']}")
        times = f"{job['begin_time']} to {job['end_time']}"
        show_image(self._console, image, {"job": f"{job['job_id']}, {times}"})
        return 0

    def _hold(self, stack: AirflowStack, cloud: DemoCloud) -> None:
        self._console.print(f"Airflow UI: {stack.url} (no log-in; this machine only)", highlight=False)
        self._console.print(f"Emulated cloud: {cloud.url}. Ctrl-C stops both.", highlight=False)
        with suppress(InterruptedDemo):
            threading.Event().wait()


def _check(file: Path | None, directory: Path | None) -> None:
    if file is not None and not file.is_file():
        raise DemoError(f"there is no file {file}")
    if file is not None and not file.stat().st_size:
        raise DemoError(f"{file} is empty")
    if directory is not None and directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise DemoError(f"{directory} must be a new or an empty directory")


@contextmanager
def _workplace(directory: Path | None, keeper: Keeper) -> Iterator[Path]:
    with uninterrupted():
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        place = (directory or Path(tempfile.mkdtemp(prefix="ims-airflow-demo-"))).resolve()
        if directory is None:
            keeper.keep(place)
    tempfile.tempdir = str(place)  # for the emulator, whose objects shall not outlive a SIGKILL either
    try:
        yield place
    finally:
        tempfile.tempdir = None
        if directory is None:
            with uninterrupted(forget=True):
                shutil.rmtree(place, ignore_errors=True)
                keeper.release(place)


def _key(file: Path) -> str:
    return "images/" + re.sub(r"[^A-Za-z0-9._-]+", "-", file.name)


def _conf(file: Path, key: str) -> dict[str, object]:
    size = qcow2_virtual_size(file) or 0
    return {
        "bucket": BUCKET,
        "key": key,
        "name": re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem)[:128] or "demo",
        "min_disk": max(_SMALLEST_DISK, -(-size // 1024**3)),
        "os_type": "Linux",
        "description": f"Made by the demo from {re.sub('[<>]', '', file.name)}",
        "tags": ["made-by.ims_airflow"],
    }
