"""Looking before leaping: everything that can be checked before an image is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Unpack

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from ims_airflow.arguments import OperatorArguments
from ims_airflow.links.console import ObsObjectLink
from ims_airflow.protocol.data_image import REQUEST_FIELDS, DataImageRequest, literal_violations
from ims_airflow.protocol.ids import DEFAULT_CONN_ID
from ims_airflow.protocol.image_url import parse_image_url
from ims_airflow.protocol.running_rules import running_violations
from ims_airflow.protocol.validation import Violation, called, raise_for, truth, whole_number

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from ims_airflow.hooks.ims import ImsHook
    from ims_airflow.inspection.report import Report
    from ims_airflow.outputs import MappingOutput

Mode = Literal["fail", "warn"]


class ImsPreflightOperator(BaseOperator):
    """Looks into an image file in OBS and at what surrounds it, and reports everything that IMS would refuse.

    A few ranges of the object tell its format, virtual size, backing files and encryption, whatever its size.
    Beside that: sizes against ``min_disk`` and the limits of IMS, class and region of the bucket, whether the
    name is in use, and the image quota. IMS itself tells most of this minutes later, as a bare FAIL.

    Returns the report, a mapping with ``format``, ``virtual_size`` and ``size`` (bytes), ``min_disk`` (the
    smallest that fits, GB) and ``findings`` (``level``, ``code``, ``message``).

    The request fields are those of :class:`~ims_airflow.operators.ims.ImsCreateDataImageOperator`; only
    ``image_url`` is needed, each of the others is checked where it is given. All are templated.

    :param mode: ``fail`` fails the task when a finding is an error, ``warn`` only logs it.
    :param dry_run: also log the exact request that would be sent, and return it as ``request``. Nothing is
        ever sent to IMS by this operator but questions.
    :param ims_conn_id: Connection of type ``huaweicloud_ims`` (templated).
    :param region: overrides the Connection's region (templated).
    :raises AirflowFailException: a finding is an error, or the arguments break a rule.
    :raises ImsAirflowError: retryable ones, when the object could not be looked at just now.
    """

    template_fields: Sequence[str] = (*REQUEST_FIELDS, "show_request", "ims_conn_id", "region")
    template_fields_renderers: ClassVar[dict[str, str]] = {"tags": "json", "image_tags": "json"}
    operator_extra_links = (ObsObjectLink(),)
    ui_color = "#fdf6e3"

    def __init__(
        self,
        *,
        image_url: str | XComArg,
        name: str | XComArg | None = None,
        min_disk: int | str | XComArg | None = None,
        os_type: str | XComArg = "Linux",
        description: str | XComArg | None = None,
        cmk_id: str | XComArg | None = None,
        tags: Sequence[str] | str | XComArg | None = None,
        image_tags: Sequence[Mapping[str, str]] | Mapping[str, str] | str | XComArg | None = None,
        enterprise_project_id: str | XComArg | None = None,
        mode: Mode = "fail",
        dry_run: bool | str = False,
        ims_conn_id: str = DEFAULT_CONN_ID,
        region: str | None = None,
        **kwargs: Unpack[OperatorArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.image_url = image_url
        self.name = name
        self.min_disk = min_disk
        self.os_type = os_type
        self.description = description
        self.cmk_id = cmk_id
        self.tags = tags
        self.image_tags = image_tags
        self.enterprise_project_id = enterprise_project_id
        self.mode = mode
        self.show_request = dry_run  # Airflow's own dry_run is a method
        self.ims_conn_id = ims_conn_id
        self.region = region
        running = running_violations({"dry_run": dry_run or False, "region": region})
        raise_for(called(self), [*literal_violations(self._given()), *_mode_violations(mode), *running])

    if TYPE_CHECKING:

        @property
        def output(self) -> MappingOutput:
            """The report, for the next task."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Look, report, and fail where the report is bad."""
        from ims_airflow.hooks.ims import ImsHook
        from ims_airflow.inspection.preflight import preflight, with_findings
        from ims_airflow.links.pushing import push_links
        from ims_airflow.task import airflow_errors

        push_links(self, context)
        with airflow_errors():
            raise_for(called(self), running_violations({"dry_run": self.show_request or False}))
            hook = ImsHook(self.ims_conn_id, self.region)
            flow = preflight(
                parse_image_url(self.image_url),
                region=hook.profile.region,
                min_disk=whole_number("min_disk", self.min_disk),
                name=str(self.name) if self.name else None,
                cmk_id=str(self.cmk_id) if self.cmk_id else None,
            )
            rules = self._broken_rules()
            report = with_findings(hook.run(flow), rules)
        result = report.as_dict()
        self._tell(report)
        if truth(self.show_request or False):
            result["request"] = None if rules else self._request(hook)
            request = json.dumps(result["request"], ensure_ascii=False)
            self.log.info("Dry run. The request would be: %s", request)
        if report.failed and self.mode == "fail":
            errors = [f"{one.code}: {one.message}" for one in report.findings if one.level == "error"]
            raise AirflowFailException("\n".join([f"IMS would refuse {self.image_url}:", *errors]))
        return result

    def _broken_rules(self) -> list[str]:
        """Return what is wrong with the fields that the inspection does not look at."""
        given = {name: value for name, value in self._given().items() if name not in {"image_url", "cmk_id"}}
        return [f"{one.field}: {one.value!r} {one.rule}" for one in literal_violations(given)]

    def _given(self) -> dict[str, Any]:
        return {name: value for name in REQUEST_FIELDS if (value := getattr(self, name)) is not None}

    def _request(self, hook: ImsHook) -> dict[str, Any]:
        body = DataImageRequest.from_arguments(**self._given()).body()
        url = f"{hook.profile.endpoints.ims}/v1/cloudimages/dataimages/action"
        return {"method": "POST", "url": url, "body": body}

    def _tell(self, report: Report) -> None:
        from rich.console import Console

        from ims_airflow.inspection.report import readable

        console = Console(width=110, color_system=None)
        with console.capture() as capture:
            console.print(readable(report))
        for line in capture.get().splitlines():
            self.log.info("%s", line)


def _mode_violations(mode: object) -> list[Violation]:
    if mode in {"fail", "warn"}:
        return []
    return [Violation("mode", mode, "must be fail or warn", "README, ImsPreflightOperator")]
