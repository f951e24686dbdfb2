"""What tasks before this one have left in XCom. Not finding it never harms a task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

IMPORT_KEY = "ims_import"
UPLOAD_CHECK_KEY = "ims_upload_check"


def own_xcom(context: Context, key: str) -> object:
    """Return what this try of this very task has pushed, None when there is nothing."""
    ti = _task_instance(context)
    return None if ti is None else _pulled(ti, None, key, _map_index(ti))


def upload_check(operator: BaseOperator, context: Context, image_url: str | None) -> Mapping[str, Any]:
    """Return what the sensor before this task has found out about a file, empty when no sensor has.

    :param image_url: the file; None takes the only file that was checked.
    """
    found = list(_upstream(operator, context, UPLOAD_CHECK_KEY))
    if image_url is None:
        return found[0] if len(found) == 1 else {}
    return next((one for one in found if _is_about(one.get("image_url"), image_url)), {})


def submitted_import(operator: BaseOperator, context: Context, job_id: str) -> Mapping[str, Any]:
    """Return what the operator before this task has said of a job, empty when none has."""
    found = _upstream(operator, context, IMPORT_KEY)
    return next((one for one in found if one.get("job_id") == job_id), {})


def _is_about(checked: object, image_url: str) -> bool:
    return isinstance(checked, str) and (checked == image_url or fnmatchcase(image_url, checked))


def _upstream(operator: BaseOperator, context: Context, key: str) -> Iterator[Mapping[str, Any]]:
    ti = _task_instance(context)
    for task_id in [] if ti is None else _pushers(operator, key):
        # A task beside this one in a mapped group, or mapped over the same list, has the same index.
        for map_index in dict.fromkeys((_map_index(ti), -1)):
            value = _pulled(ti, task_id, key, map_index)
            if isinstance(value, Mapping):
                yield value
                break


def _pushers(operator: BaseOperator, key: str) -> list[str]:
    try:
        dag: Any = operator.get_dag()
        tasks = dag.get_task(operator.task_id).get_flat_relatives(upstream=True) if dag else []
    except Exception:  # noqa: BLE001  # a DAG that cannot be walked has no say in what this task does
        return []
    kinds = {task.task_id: getattr(task, "operator_class", type(task)) for task in tasks}
    return sorted(task_id for task_id, kind in kinds.items() if key in getattr(kind, "pushed_xcoms", ()))


def _pulled(ti: Any, task_id: str | None, key: str, map_index: int) -> object:
    try:
        return ti.xcom_pull(task_ids=task_id, key=key, map_indexes=map_index)
    except Exception:  # noqa: BLE001  # whatever an XCom backend may say
        return None


def _task_instance(context: Context) -> Any:
    return cast("Mapping[str, Any]", context).get("ti")


def _map_index(ti: Any) -> int:
    index = getattr(ti, "map_index", -1)
    return index if isinstance(index, int) else -1
