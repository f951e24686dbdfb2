"""What is counted and timed, as a statsd server on a real socket hears it, and as spans."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow_task import Task
from integration.clouds import Cloud
from statsd_server import Statsd

from ims_airflow import metrics
from ims_airflow.exceptions import JobNotFollowedError
from ims_airflow.operators.ims import ImsCreateDataImageOperator
from ims_airflow.sensors.ims import ImsJobSensor
from ims_airflow.sensors.obs import ObsImageFileSensor

pytest.importorskip("statsd", reason="statsd is not installed (it comes with the extra test)")

SUBMIT = {"method": "POST", "path": "dataimages"}
JOB = {"path": "/jobs/"}


@pytest.fixture
def statsd(monkeypatch: pytest.MonkeyPatch) -> Iterator[Statsd]:
    server = Statsd()
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_HOST", "127.0.0.1")
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_PORT", str(server.port))
    metrics.enable_in_triggerer.cache_clear()
    metrics.enable_in_triggerer()  # Airflow itself does the same in a worker
    yield server
    monkeypatch.undo()
    metrics.enable_in_triggerer.cache_clear()
    metrics.enable_in_triggerer()
    server.close()


def task(cloud: Cloud, **arguments: Any) -> Task:
    cloud.emulated.put_object("image-test", "disk.qcow2", b"QFI\xfb")
    cloud.emulated.configure(job_seconds=0.5)
    given = {
        "name": "fedora",
        "image_url": "image-test:disk.qcow2",
        "min_disk": 40,
        "os_type": "Linux",
        "poll_interval": 0.1,
        "settling_window": 1.0,
        "wait_for_completion": True,
    }
    return Task(lambda: ImsCreateDataImageOperator(task_id="create", **{**given, **arguments}))


@pytest.mark.parametrize("deferrable", [False, True], ids=["worker", "triggerer"])
def test_an_import_is_one_submit_some_polls_and_one_job_with_its_duration(
    cloud: Cloud, statsd: Statsd, deferrable: bool
) -> None:
    task(cloud, deferrable=deferrable).run()
    heard = statsd.heard()
    polls = len([entry for entry in cloud.emulated.journal("ims") if "/jobs/" in entry["path"]])
    assert heard[metrics.SUBMITS] == [1]
    assert heard[metrics.SUCCEEDED] == [1]
    assert sum(heard[metrics.JOB_POLLS]) >= polls > 1
    assert heard[metrics.DURATION] == [pytest.approx(0.5, abs=0.1)]
    assert not {metrics.ADOPTIONS, metrics.FAILED, metrics.TROUBLE} & set(heard)


def test_the_image_of_a_lost_answer_is_an_adoption_and_no_submit(cloud: Cloud, statsd: Statsd) -> None:
    made = task(cloud, settling_window=5.0)
    cloud.emulated.add_fault({"match": SUBMIT, "times": 1, "when": "after", "drop": "reset"})
    cloud.emulated.configure(tags_visible=True)
    made.run()
    heard = statsd.heard()
    assert heard[metrics.ADOPTIONS] == [1]
    assert metrics.SUBMITS not in heard


def test_trouble_is_timed_while_it_passes(cloud: Cloud, statsd: Statsd) -> None:
    made = task(cloud)
    cloud.emulated.add_fault({"match": JOB, "times": 2, "status": 503, "body": ""})
    made.run()
    [lasted] = statsd.heard()[metrics.TROUBLE]
    assert 0.1 <= lasted < 20


def test_trouble_that_outlasts_its_budget_is_timed_too(cloud: Cloud, statsd: Statsd) -> None:
    made = task(cloud, trouble_budget=0.3)
    cloud.emulated.add_fault({"match": JOB, "status": 503, "body": ""})
    with pytest.raises(JobNotFollowedError):
        made.run()
    [lasted] = statsd.heard()[metrics.TROUBLE]
    assert lasted >= 0.3


def test_a_job_that_ends_with_fail_is_counted(cloud: Cloud, statsd: Statsd) -> None:
    job_id = task(cloud, wait_for_completion=False).run()
    cloud.emulated.fail_job(job_id, "IMG.0057", "the file is no image")
    with pytest.raises(AirflowFailException):
        Task(lambda: ImsJobSensor(task_id="wait", job_id=job_id, deferrable=True)).run()
    heard = statsd.heard()
    assert heard[metrics.FAILED] == [1]
    assert metrics.SUCCEEDED not in heard


def test_looks_at_a_file_are_counted_apart(cloud: Cloud, statsd: Statsd) -> None:
    cloud.emulated.put_object("image-test", "disk.qcow2", b"QFI\xfb")
    Task(lambda: ObsImageFileSensor(task_id="uploaded", image_url="image-test:disk.qcow2")).run()
    heard = statsd.heard()
    assert heard[metrics.UPLOAD_POLLS] == [1]
    assert metrics.JOB_POLLS not in heard


def test_submitting_and_following_are_spans(cloud: Cloud) -> None:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    trace.set_tracer_provider(provider)
    task(cloud).run()
    spans = {span.name: span for span in kept.get_finished_spans()}
    assert set(spans) == {metrics.SUBMIT_SPAN, metrics.FOLLOW_SPAN}
    following = spans[metrics.FOLLOW_SPAN]
    [job_id] = [entry["job_id"] for entry in cloud.emulated.submissions()]
    assert following.attributes is not None
    assert following.attributes["subject"] == f"job {job_id}"
    assert int(str(following.attributes["polls"])) > 1


def test_metrics_cost_an_import_only_where_something_is_counted() -> None:
    program = (
        "import sys\nimport airflow.sdk\nbefore = set(sys.modules)\nimport ims_airflow.metrics\n"
        "print(sorted(name for name in set(sys.modules) - before if not name.startswith('ims_airflow')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "opentelemetry" not in done.stdout
    assert "airflow.sdk.observability" not in done.stdout


def test_a_count_takes_microseconds_where_metrics_are_off() -> None:
    metrics._count(metrics.SUBMITS)
    began = time.perf_counter()
    for _ in range(1000):
        metrics._count(metrics.SUBMITS)
    assert (time.perf_counter() - began) / 1000 < 1e-3
