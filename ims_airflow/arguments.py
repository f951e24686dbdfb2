"""Airflow's own arguments of operators and sensors, spelt out so that editors and type checkers know them.

For ``**kwargs: Unpack[…]``. At run time they are names only: nothing here is evaluated while a DAG is parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, MutableMapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Required, TypedDict

if TYPE_CHECKING:
    from airflow.sdk import DAG, Context, RetryPolicy, TaskGroup
    from airflow.sdk.types import WeightRuleParam

    Callbacks = Callable[[Context], None] | Collection[Callable[[Context], None]] | None
    CallbackList = Callable[[Context], None] | list[Callable[[Context], None]] | None


class OperatorArguments(TypedDict, total=False):
    """What every Airflow operator takes."""

    task_id: Required[str]
    owner: str
    email: str | Sequence[str] | None
    email_on_retry: bool
    email_on_failure: bool
    retries: int | None
    retry_delay: timedelta | float
    retry_exponential_backoff: float
    max_retry_delay: timedelta | float | None
    retry_policy: RetryPolicy | None
    start_date: datetime | None
    end_date: datetime | None
    depends_on_past: bool
    ignore_first_depends_on_past: bool
    wait_for_past_depends_before_skipping: bool
    wait_for_downstream: bool
    dag: DAG | None
    params: MutableMapping[str, Any] | None
    default_args: dict[str, Any] | None
    priority_weight: int
    weight_rule: WeightRuleParam
    queue: str
    pool: str | None
    pool_slots: int
    sla: timedelta | None
    execution_timeout: timedelta | None
    on_execute_callback: Callbacks
    on_failure_callback: CallbackList
    on_success_callback: Callbacks
    on_retry_callback: CallbackList
    on_skipped_callback: Callbacks
    pre_execute: Callable[[Context], None] | None
    post_execute: Callable[[Context, Any], None] | None
    trigger_rule: str
    resources: dict[str, Any] | None
    run_as_user: str | None
    map_index_template: str | None
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    executor: str | None
    executor_config: dict[str, Any] | None
    do_xcom_push: bool
    multiple_outputs: bool
    inlets: Any
    outlets: Any
    task_group: TaskGroup | None
    doc: str | None
    doc_md: str | None
    doc_json: str | None
    doc_yaml: str | None
    doc_rst: str | None
    task_display_name: str | None
    logger_name: str | None
    allow_nested_operators: bool
    render_template_as_native_obj: bool | None


class SensorArguments(OperatorArguments, total=False):
    """What every Airflow sensor takes, without ``poke_interval``, which our sensors name themselves."""

    timeout: timedelta | float | None
    soft_fail: bool
    mode: Literal["poke", "reschedule"]
    exponential_backoff: bool
    max_wait: timedelta | float | None
    silent_fail: bool
    never_fail: bool


class WatchSensorArguments(SensorArguments, total=False):
    """What all sensors of this package take; :class:`~ims_airflow.sensors.base.WatchSensor` explains it."""

    ims_conn_id: str
    region: str | None
    deferrable: bool
    poll_interval: timedelta | float | None
    poke_interval: timedelta | float | None


class WatchTriggerArguments(TypedDict, total=False):
    """What all waiting triggers take; :class:`~ims_airflow.triggers.base.WatchTrigger` explains it."""

    ims_conn_id: str
    region: str | None
    poll_interval: float | None
    started: float | None
    deadline: float | None
    deadline_name: str
    looked: float | None
