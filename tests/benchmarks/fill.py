"""Puts triggers into the database of an Airflow: ``python -m benchmarks.fill KIND COUNT PROBE_FILE``.

They hang on an asset, because the triggerer removes those that nobody waits for.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from functools import cache
from typing import Any

from airflow.models.asset import AssetModel, AssetWatcherModel
from airflow.models.trigger import Trigger
from airflow.triggers.base import BaseTrigger
from airflow.utils.session import create_session
from benchmarks.local_server import JOB
from benchmarks.probe import EmptyTrigger, ProbeTrigger, WakingTrigger

from ims_airflow.protocol.job_watch import JobWatch
from ims_airflow.protocol.message import Response
from ims_airflow.triggers.ims import ImsJobTrigger

RUNNING_FOR = 4000.0  # seconds; such a job is looked at once a minute


@cache
def memo() -> dict[str, Any]:
    """Return what a worker hands over that has looked once: then the trigger need not log all anew."""
    begun = time.time() - RUNNING_FOR
    watch = JobWatch(str(JOB["job_id"]), started=begun, log=logging.getLogger("benchmark"))
    look = watch.look(time.time())
    next(look)
    try:
        look.send(Response(200, {}, json.dumps(JOB).encode()))
    except StopIteration:
        return watch.memo()
    raise AssertionError("a second request")


def trigger(kind: str, number: int) -> BaseTrigger:
    if kind != "ours":
        return {"empty": EmptyTrigger, "waking": WakingTrigger}[kind](number)
    begun = time.time() - RUNNING_FOR
    deadline = begun + 1e6 + number  # makes the trigger one of many
    return ImsJobTrigger(str(JOB["job_id"]), started=begun, looked=begun, deadline=deadline, memo=memo())


def fill(kind: str, count: int, probe: str) -> None:
    with create_session() as session:
        asset = AssetModel(name="benchmark", uri="benchmark", group="asset")
        rows = [Trigger(*ProbeTrigger(probe).serialize())]
        rows += [Trigger(*trigger(kind, number).serialize()) for number in range(count)]
        session.add_all([asset, *rows])
        session.flush()
        # By their ids: through the relations, each would be compared with all that are there.
        session.add_all(
            AssetWatcherModel(name="benchmark", asset_id=asset.id, trigger_id=row.id) for row in rows
        )


if __name__ == "__main__":
    fill(sys.argv[1], int(sys.argv[2]), sys.argv[3])
