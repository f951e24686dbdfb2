"""Creating data-disk images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow.sdk import BaseOperator, conf

from ims_airflow.arguments import OperatorArguments
from ims_airflow.links.console import ImsImageLink, ObsObjectLink
from ims_airflow.operators.preflight import ImsPreflightOperator
from ims_airflow.protocol.data_image import REQUEST_FIELDS, literal_violations
from ims_airflow.protocol.ids import DEFAULT_CONN_ID, JobQuery
from ims_airflow.protocol.running_rules import SETTLING, running_violations, seconds
from ims_airflow.protocol.validation import Violation, called, raise_for
from ims_airflow.upstream import IMPORT_KEY

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context, XComArg

    from ims_airflow.hooks.ims import ImsHook
    from ims_airflow.operators.creation import Creation
    from ims_airflow.operators.housekeeping import (
        ImsDeleteImageOperator,
        ImsRetentionOperator,
        ImsSweepOperator,
    )

__all__ = [
    "ImsCreateDataImageOperator",
    "ImsDeleteImageOperator",
    "ImsPreflightOperator",
    "ImsRetentionOperator",
    "ImsSweepOperator",
]


if not TYPE_CHECKING:  # to a type checker, every name would then be one of this module's

    def __getattr__(name: str) -> object:
        """Import the operators that tidy up with the first DAG that names one; most only import images."""
        if name in __all__:
            from ims_airflow.operators import housekeeping

            return getattr(housekeeping, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class ImsCreateDataImageOperator(BaseOperator):
    """Makes a data-disk image from an image file in OBS: submits the request once, follows it if asked to.

    The ``job_id`` is pushed to XCom before any waiting starts. Without waiting the operator returns it; with
    waiting it returns a mapping with ``image_id``, ``image_name``, ``job_id``, ``status`` and more.

    Whatever fails in between (a lost answer, a killed worker, a retry, a clear in mid-flight), the next try
    takes up the submission where it stood. It adopts what the cloud has already begun and submits anew only
    when nothing is there. Clearing a task that has succeeded asks for a new image.

    How the import fares stands in the XCom ``ims_import`` from the moment it is accepted. The result's
    ``seconds`` tell the time in the upload check before this task, in the queue of IMS and in the job. An
    ``Asset`` or an ``AssetAlias`` among its ``outlets`` gets the image, and so starts other DAGs.

    Request fields, all templated (IMS API reference, 使用外部镜像文件制作数据镜像):

    :param name: 1 to 128 characters: letters, digits, Chinese, ``-._`` and inner spaces.
    :param image_url: the file, ``bucket:key``; bucket and object of class STANDARD.
    :param min_disk: size of the disk in GB, 40 to 2048, at least the file's virtual size.
    :param os_type: ``Linux`` or ``Windows``.
    :param description: at most 1024 characters, without ``<``, ``>`` and carriage returns.
    :param cmk_id: id of the KMS key for an encrypted image.
    :param tags: at most 10 texts ``key.value``; excludes ``image_tags``.
    :param image_tags: at most 10 mappings ``{"key": …, "value": …}``; excludes ``tags``. Two tags more are
        sent, where there is room for them: ``ims_airflow_marker``, by which the image of a lost answer and
        the image of a killed run are recognised, and ``ims_airflow_dag``, by which
        :class:`~ims_airflow.operators.housekeeping.ImsRetentionOperator` finds the images of a DAG.
    :param enterprise_project_id: ``"0"`` or a UUID.

    Running:

    :param ims_conn_id: Connection of type ``huaweicloud_ims`` (templated).
    :param region: overrides the Connection's region (templated).
    :param wait_for_completion: wait until the image is active.
    :param deferrable: wait in the triggerer, without a worker slot. Default: Airflow's
        ``[operators] default_deferrable``.
    :param poll_interval: seconds between two looks at the job, None to adapt it to the elapsed time.
    :param timeout: how long one try may take, in seconds or as a timedelta; None for no limit. The job
        goes on when it is over, and a retry reattaches to it.
    :param trouble_budget: seconds during which IMS may be unable to answer before the try fails.
    :param settling_window: seconds for which the image of a lost answer is looked for before the request
        counts as not accepted.
    :param job_query: ``ShowJob`` or ``ShowJobProgress``, the API to ask about the job.
    :param verify_image: whether the image must be seen active before a job counts as done.

    :raises InvalidInputError: a literal argument breaks a rule, when the DAG is parsed.
    :raises AirflowFailException: for what no retry can help.
    :raises ImsAirflowError: for what a retry may.
    """

    template_fields: Sequence[str] = (*REQUEST_FIELDS, "ims_conn_id", "region")
    template_fields_renderers: ClassVar[dict[str, str]] = {"tags": "json", "image_tags": "json"}
    operator_extra_links = (ImsImageLink(), ObsObjectLink())
    pushed_xcoms: ClassVar[tuple[str, ...]] = ("job_id", IMPORT_KEY)
    ui_color = "#fde8e8"

    def __init__(
        self,
        *,
        name: str | XComArg,
        image_url: str | XComArg,
        min_disk: int | str | XComArg,
        os_type: str | XComArg,
        description: str | XComArg | None = None,
        cmk_id: str | XComArg | None = None,
        tags: Sequence[str] | str | XComArg | None = None,
        image_tags: Sequence[Mapping[str, str]] | Mapping[str, str] | str | XComArg | None = None,
        enterprise_project_id: str | XComArg | None = None,
        ims_conn_id: str = DEFAULT_CONN_ID,
        region: str | None = None,
        wait_for_completion: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | timedelta | None = None,
        timeout: float | timedelta | None = timedelta(hours=6),
        trouble_budget: float = 900.0,
        settling_window: float = SETTLING,
        job_query: JobQuery = "ShowJob",
        verify_image: bool = True,
        **kwargs: Unpack[OperatorArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.image_url = image_url
        self.min_disk = min_disk
        self.os_type = os_type
        self.description = description
        self.cmk_id = cmk_id
        self.tags = tags
        self.image_tags = image_tags
        self.enterprise_project_id = enterprise_project_id
        self.ims_conn_id = ims_conn_id
        self.region = region
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = seconds(poll_interval)
        self.timeout = seconds(timeout)
        self.trouble_budget = trouble_budget
        self.settling_window = settling_window
        self.job_query: JobQuery = job_query
        self.verify_image = verify_image
        raise_for(called(self), [*literal_violations(self.request_fields()), *self._running_violations()])

    def request_fields(self) -> dict[str, Any]:
        """Return what IMS is asked for, by the API's own names."""
        return {name: getattr(self, name) for name in REQUEST_FIELDS}

    def _running_violations(self) -> list[Violation]:
        judged = "poll_interval timeout trouble_budget settling_window job_query region".split()
        return running_violations({name: getattr(self, name) for name in judged})

    if TYPE_CHECKING:

        @property
        def output(self) -> Any:
            """The job_id, for the next task; the image, where this one waits for it."""

    @cached_property
    def hook(self) -> ImsHook:
        """The hook."""
        from ims_airflow.hooks.ims import ImsHook

        return ImsHook(self.ims_conn_id, self.region)

    def execute(self, context: Context) -> Any:
        """Submit, and wait if asked to."""
        return self._begin(context).run()

    def execute_after_pause(self, context: Context, event: Any = None) -> Any:  # noqa: ARG002
        """Go on after a pause that was spent in the triggerer: the record knows where we were."""
        return self.execute(context)

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> Any:
        """Take what the trigger found."""
        return self._begin(context).complete(event)

    def on_kill(self) -> None:
        """Leave the job to the cloud: IMS can cancel none, and a retry or a clear reattaches to it."""
        if self._creation and self._creation.job_id:
            self.log.warning(
                "This task was ended from outside. IMS cannot cancel a job: job %s goes on in the cloud, and "
                "a cleared task reattaches to it",
                self._creation.job_id,
            )

    def get_openlineage_facets_on_complete(self, task_instance: object) -> OperatorLineage[Any, Any]:  # noqa: ARG002
        """Return the lineage of the image, for Airflow's OpenLineage provider."""
        from ims_airflow.lineage.facets import facets
        from ims_airflow.protocol.provenance import Provenance

        return facets(self._creation.made if self._creation else Provenance())

    _creation: Creation | None = None

    def _begin(self, context: Context) -> Creation:
        from ims_airflow.operators.creation import Creation

        self._creation = Creation(self, context)
        return self._creation
