"""What the housekeeping operators share: they look, plan, tell the plan, and carry it out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow.sdk import BaseOperator

from ims_airflow.arguments import OperatorArguments
from ims_airflow.exceptions import (
    AuthenticationError,
    ImagesNotDeletedError,
    ImsAirflowError,
    JobNotFollowedError,
    JobTimeoutError,
)
from ims_airflow.hooks.ims import ImsHook
from ims_airflow.links.console import ImsImageLink
from ims_airflow.links.pushing import push_links
from ims_airflow.protocol.deletion import GoneWatch, request_deletion
from ims_airflow.protocol.housekeeping import Fit, Plan, Scope, lines, survey
from ims_airflow.protocol.housekeeping_rules import literal_violations, violations
from ims_airflow.protocol.image import ACTIVE
from ims_airflow.protocol.origin import dag_tag
from ims_airflow.protocol.running_rules import running_violations, seconds
from ims_airflow.protocol.validation import called, raise_for, truth
from ims_airflow.protocol.waiting import Deadline, follow
from ims_airflow.task import SURROUNDINGS, airflow_errors

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg


class HousekeepingOperator(BaseOperator, ABC):
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
        push_links(self, context)
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


def _report(
    plan: Plan, *, deleted: Sequence[str] = (), would_delete: Sequence[str] = ()
) -> dict[str, list[Any]]:
    return {
        "kept": [fit.image.image_id for fit in plan.kept],
        "deleted": list(deleted),
        "would_delete": list(would_delete),
        "skipped": [{"image_id": image.image_id, "reason": reason} for image, reason in plan.skipped],
    }
