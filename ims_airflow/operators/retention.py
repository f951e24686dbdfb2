"""Retention of the images that a DAG made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Unpack, cast

from ims_airflow.arguments import OperatorArguments
from ims_airflow.operators.image_plan import HousekeepingOperator
from ims_airflow.protocol.housekeeping import Fit, Plan, retention
from ims_airflow.protocol.ids import DEFAULT_CONN_ID
from ims_airflow.task import SURROUNDINGS

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg


class ImsRetentionOperator(HousekeepingOperator):
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

    template_fields: Sequence[str] = ("keep", *HousekeepingOperator.template_fields)

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
