"""How a trigger shows the state of an import: an XCom of its task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


async def write_xcom(task_instance: Any, key: str, value: Mapping[str, Any]) -> None:
    """Write an XCom of a deferred task.

    :param task_instance: of the task, as Airflow gives it to a trigger.
    """
    from airflow.sdk.execution_time.xcom import XCom  # noqa: PLC0415  # reads Airflow's configuration

    await XCom.aset(
        key,
        dict(value),
        dag_id=task_instance.dag_id,
        task_id=task_instance.task_id,
        run_id=task_instance.run_id,
        map_index=task_instance.map_index,
    )
