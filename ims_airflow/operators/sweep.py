"""A sweep for what the killed and failed runs of a DAG have left behind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, cast

from ims_airflow.arguments import OperatorArguments
from ims_airflow.operators.image_plan import HousekeepingOperator
from ims_airflow.protocol.history import LEFT, History, States, state_of
from ims_airflow.protocol.housekeeping import Fit, Plan, sweep
from ims_airflow.protocol.ids import DEFAULT_CONN_ID
from ims_airflow.protocol.image import ACTIVE
from ims_airflow.protocol.origin import Origin
from ims_airflow.task import SURROUNDINGS

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg


class ImsSweepOperator(HousekeepingOperator):
    """Deletes the images that killed and failed task instances of a DAG have left behind.

    IMS cannot cancel a job: the image of a killed run is made all the same, and nobody uses it. This operator
    finds such images by their tags and asks Airflow what became of the task instance that asked for each. An
    image goes when that task instance is failed, upstream_failed, skipped or removed. It stays when the task
    instance succeeded (also when a later image of the same, cleared task superseded it), is at work, waits
    for a retry, or is unknown: its run was deleted, or another Airflow asked for the image. Airflow is asked
    once more just before an image is deleted, in case somebody has cleared the task. Else as
    :class:`~ims_airflow.operators.retention.ImsRetentionOperator`: tags, protection, dry run by default, and
    what it returns.

    A task that does not wait for its image succeeds before the image is made: what a sensor makes of it later
    does not count here.

    Two Airflows that share a project must not share DAG ids: scheduled runs of both have the same ids, and
    the failure of one would be taken for that of the other.

    :param dag_id: of the DAG whose task instances asked for the images (templated). Default: this task's own.
    :param task_ids: look at images of these tasks only (templated). For a DAG with more than some 20,000 task
        instances in the database: Airflow's API server reads about 5,000 a second, and a worker waits for
        ``[workers] execution_api_timeout``, 5 s by default.
    :param name_pattern: only images whose name matches, such as ``nightly-*`` (templated).
    :param min_age: seconds, or a timedelta; a younger image is never deleted.
    :param dry_run: only tell what would be deleted (templated, such as ``{{ params.dry_run }}``).
    :param timeout: seconds, or a timedelta, to wait for deleted images to go.
    :param ims_conn_id: Connection of type ``huaweicloud_ims`` (templated).
    :param region: overrides the Connection's region (templated).
    :raises InvalidInputError: a literal argument breaks a rule, when the DAG is parsed.
    :raises ImagesNotDeletedError: some images could not be deleted, and a retry may help.
    :raises AirflowFailException: a retry does not help.
    """

    template_fields: Sequence[str] = ("task_ids", *HousekeepingOperator.template_fields)
    statuses: ClassVar[frozenset[str]] = frozenset({ACTIVE, "killed"})

    def __init__(
        self,
        *,
        task_ids: Sequence[str] | XComArg | None = None,
        dag_id: str | XComArg | None = None,
        name_pattern: str | XComArg = "*",
        min_age: float | timedelta = timedelta(hours=1),
        dry_run: bool | str | XComArg = True,
        timeout: float | timedelta = timedelta(minutes=10),
        ims_conn_id: str = DEFAULT_CONN_ID,
        region: str | None = None,
        **kwargs: Unpack[OperatorArguments],
    ) -> None:
        super().__init__(
            dag_id=dag_id,
            name_pattern=name_pattern,
            min_age=min_age,
            dry_run=dry_run,
            timeout=timeout,
            ims_conn_id=ims_conn_id,
            region=region,
            **kwargs,
        )
        self.task_ids = task_ids
        self._history = History("", {})
        self._judge()

    def _arguments(self) -> dict[str, Any]:
        return {"task_ids": self.task_ids, **super()._arguments()}

    def decide(self, fits: list[Fit], plan: Plan, context: Context) -> Plan:
        """Ask Airflow about all task instances at once, and doom what they have left behind."""
        if not fits:
            return plan
        states = self._ask(context, task_ids=list(cast("Sequence[str]", self.task_ids or ())) or None)
        self._history = History(self.subject, states)
        return sweep(fits, plan, self._history, now=SURROUNDINGS.clock(), min_age=self.min_age)

    def second_thoughts(self, fit: Fit, context: Context) -> str:
        """Ask about the one task instance: it may have been cleared, or was taken for another of that key."""
        found = [self._state(origin, context) for origin in self._history.origins(fit.marker)]
        return next((f"its task is {state}" for state in found or ["unknown"] if state not in LEFT), "")

    def _state(self, origin: Origin, context: Context) -> str:
        mapped = origin.map_index if origin.map_index >= 0 else None
        states = self._ask(context, run_ids=[origin.run_id], task_ids=[origin.task_id], map_index=mapped)
        return state_of(origin, states)

    def _ask(self, context: Context, **which: Any) -> States:
        ti: Any = context["ti"]
        states: States = ti.get_task_states(dag_id=self.subject, **which)
        return states
