"""Keeping the image list tidy: retention of what a DAG made, and a sweep for what its killed runs left."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, cast

from airflow.sdk import BaseOperator

from ims_airflow.arguments import OperatorArguments
from ims_airflow.exceptions import (
    AuthenticationError,
    ImagesNotDeletedError,
    ImsAirflowError,
    JobNotFollowedError,
    JobTimeoutError,
)
from ims_airflow.hooks.base import DEFAULT_CONN_ID
from ims_airflow.hooks.ims import ImsHook
from ims_airflow.links.console import ImsImageLink
from ims_airflow.operators.delete_image import ImsDeleteImageOperator
from ims_airflow.protocol.deletion import GoneWatch, request_deletion
from ims_airflow.protocol.history import LEFT, History, States, state_of
from ims_airflow.protocol.housekeeping import Fit, Plan, Scope, lines, retention, survey, sweep
from ims_airflow.protocol.housekeeping_rules import literal_violations, violations
from ims_airflow.protocol.image import ACTIVE
from ims_airflow.protocol.origin import Origin, dag_tag
from ims_airflow.protocol.running_rules import running_violations, seconds
from ims_airflow.protocol.validation import raise_for, truth
from ims_airflow.protocol.waiting import Deadline, follow
from ims_airflow.task import SURROUNDINGS, airflow_errors, called

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

__all__ = ["ImsDeleteImageOperator", "ImsRetentionOperator", "ImsSweepOperator"]


class _HousekeepingOperator(BaseOperator, ABC):
    """Looks at the images of a DAG, plans, tells the plan, and carries it out unless asked only to plan."""

    template_fields: Sequence[str] = ("of_dag", "name_pattern", "plan_only", "ims_conn_id", "region")
    operator_extra_links = (ImsImageLink(),)
    ui_color = "#f5e1da"
    statuses: ClassVar[frozenset[str]] = frozenset({ACTIVE})

    def __init__(
        self,
        *,
        dag_id: str | XComArg | None,
        name_pattern: str | XComArg,
        min_age: float | timedelta,
        dry_run: bool | str | XComArg,
        timeout: float | timedelta,
        ims_conn_id: str,
        region: str | None,
        **kwargs: Unpack[OperatorArguments],
    ) -> None:
        super().__init__(**kwargs)
        # Airflow's own dag_id is the DAG that this task belongs to.
        self.of_dag = "{{ dag.dag_id }}" if dag_id is None else dag_id
        self.name_pattern = name_pattern
        self.min_age = seconds(min_age)
        self.plan_only = dry_run  # Airflow's own dry_run is a method
        self.timeout = seconds(timeout)
        self.ims_conn_id = ims_conn_id
        self.region = region

    def _arguments(self) -> dict[str, Any]:
        return {
            "dag_id": self.of_dag,
            "name_pattern": self.name_pattern,
            "min_age": self.min_age,
            "dry_run": self.plan_only,
            "timeout": self.timeout,
        }

    def _judge(self) -> None:
        """Refuse what is wrong already before anything is rendered."""
        running = running_violations({"region": self.region})
        raise_for(called(self), [*literal_violations(self._arguments()), *running])

    @cached_property
    def hook(self) -> ImsHook:
        """The hook."""
        return ImsHook(self.ims_conn_id, self.region)

    @abstractmethod
    def decide(self, fits: list[Fit], plan: Plan, context: Context) -> Plan:
        """Complete a plan that so far only skips the images that are in doubt."""

    def second_thoughts(self, fit: Fit, context: Context) -> str:  # noqa: ARG002  # others look again
        """Return what speaks against an image just before it is deleted, empty when nothing does."""
        return ""

    def execute(self, context: Context) -> dict[str, Any]:
        """Plan, tell, delete."""
        with airflow_errors():
            raise_for(called(self), violations(self._arguments()))
            plan = self._plan(context)
            if truth(self.plan_only):
                return _report(plan, would_delete=[fit.image.image_id for fit in plan.doomed])
            return _report(plan, deleted=self._delete(plan, context))

    def _plan(self, context: Context) -> Plan:
        fits, skips = self.hook.run(survey(self._scope()))
        plan = self.decide(fits, skips, context)
        self.log.info(
            "Images of the DAG %s: %d to keep, %d to delete, %d to leave alone%s",
            self.subject,
            len(plan.kept),
            len(plan.doomed),
            len(plan.skipped),
            " (dry run, nothing is deleted)" if truth(self.plan_only) else "",
        )
        for line in lines(plan, dry_run=truth(self.plan_only)):
            self.log.info("%s", line)
        return plan

    @property
    def subject(self) -> str:
        """The id of the DAG whose images are looked at."""
        return str(self.of_dag)

    def _scope(self) -> Scope:
        return Scope(dag_tag(self.subject), self.statuses, str(self.name_pattern))

    def _delete(self, plan: Plan, context: Context) -> list[str]:
        asked: list[str] = []
        failures: dict[str, ImsAirflowError] = {}
        for fit in list(plan.doomed):
            image_id = fit.image.image_id
            if reason := self.second_thoughts(fit, context):
                self.log.warning("Leaving image %s alone after all: %s", image_id, reason)
                plan.spare(fit, reason)
                continue
            self.log.info("Deleting image %s (%s)", image_id, fit.image.name)
            try:
                self.hook.run(request_deletion(image_id))
            except AuthenticationError:
                raise  # six of them in a row lock the access key
            except ImsAirflowError as error:
                self.log.warning("Image %s could not be deleted: %s", image_id, error)
                failures[image_id] = error
            else:
                asked.append(image_id)
        failures |= self._still_there(asked)
        deleted = [image_id for image_id in asked if image_id not in failures]
        self.log.info("Deleted %d image(s): %s", len(deleted), ", ".join(deleted) or "none")
        if failures:
            raise ImagesNotDeletedError(failures)
        return deleted

    def _still_there(self, image_ids: list[str]) -> dict[str, ImsAirflowError]:
        """Wait for the images to go; return those that do not."""
        if not image_ids:
            return {}
        now = SURROUNDINGS.clock()
        watch = GoneWatch(image_ids, started=now, log=self.log)
        try:
            self.hook.run(follow(watch, SURROUNDINGS, Deadline(now + self.timeout)))
        except (JobTimeoutError, JobNotFollowedError) as error:
            return dict.fromkeys(watch.left, error)
        return {}


class ImsRetentionOperator(_HousekeepingOperator):
    """Keeps the newest images that this package made for a DAG, and deletes the older ones.

    Only images that carry both tags of this package, ``ims_airflow_dag`` and ``ims_airflow_marker``, as IMS
    itself tells for each of them, are counted and deleted. Never touched: an image without them, a protected
    one, one that is not active, one whose age cannot be read. By default nothing is deleted at all.

    Two Airflows that share a project must not share DAG ids: IMS shows their images as those of one DAG.

    Returns ``{"kept": [image_id, …], "deleted": […], "would_delete": […], "skipped": [{"image_id": …,
    "reason": …}, …]}``. An image that cannot be deleted does not stop the others; the task fails at the end.

    :param keep: how many of the newest to keep (templated); 0 keeps none.
    :param dag_id: of the DAG that asked for the images (templated). Default: this task's own DAG.
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

    template_fields: Sequence[str] = ("keep", *_HousekeepingOperator.template_fields)

    def __init__(
        self,
        *,
        keep: int | str | XComArg,
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
        self.keep = keep
        self._judge()

    def _arguments(self) -> dict[str, Any]:
        return {"keep": self.keep, **super()._arguments()}

    def decide(self, fits: list[Fit], plan: Plan, context: Context) -> Plan:  # noqa: ARG002
        """Keep the newest."""
        keep = int(cast("int | str", self.keep))
        return retention(fits, plan, keep=keep, now=SURROUNDINGS.clock(), min_age=self.min_age)


class ImsSweepOperator(_HousekeepingOperator):
    """Deletes the images that killed and failed task instances of a DAG have left behind.

    IMS cannot cancel a job: the image of a killed run is made all the same, and nobody uses it. This operator
    finds such images by their tags and asks Airflow what became of the task instance that asked for each. An
    image goes when that task instance is failed, upstream_failed, skipped or removed. It stays when the task
    instance succeeded (also when a later image of the same, cleared task superseded it), is at work, waits
    for a retry, or is unknown: its run was deleted, or another Airflow asked for the image. Airflow is asked
    once more just before an image is deleted, in case somebody has cleared the task. Else as
    :class:`ImsRetentionOperator`: tags, protection, dry run by default, and what it returns.

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

    template_fields: Sequence[str] = ("task_ids", *_HousekeepingOperator.template_fields)
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


def _report(
    plan: Plan, *, deleted: Sequence[str] = (), would_delete: Sequence[str] = ()
) -> dict[str, list[Any]]:
    return {
        "kept": [fit.image.image_id for fit in plan.kept],
        "deleted": list(deleted),
        "would_delete": list(would_delete),
        "skipped": [{"image_id": image.image_id, "reason": reason} for image, reason in plan.skipped],
    }
