"""A whole import in one call: check the upload, look into the file, submit, wait for the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, cast

from airflow.sdk import TaskGroup, task, task_group

from ims_airflow.arguments import SensorArguments
from ims_airflow.operators.ims import ImsCreateDataImageOperator, ImsPreflightOperator
from ims_airflow.protocol.data_image import REQUEST_FIELDS
from ims_airflow.protocol.validation import Violation, raise_for
from ims_airflow.sensors.obs import ObsImageFileSensor
from ims_airflow.task_groups.files import ImageFile, complete, literal_files

if TYPE_CHECKING:
    from airflow.sdk import XComArg

    from ims_airflow.outputs import ListOutput, MappingOutput

__all__ = ["ImageFile", "ImportArguments", "import_data_image", "import_data_images"]

PREFLIGHT = ("fail", "warn", "off")
_REQUEST = Signature([Parameter(name, Parameter.KEYWORD_ONLY) for name in REQUEST_FIELDS])
_OPTIONAL = ("description", "cmk_id", "tags", "image_tags", "enterprise_project_id")


class ImportArguments(TypedDict, total=False):
    """Optional request fields, all templated, and how an import is run.

    What is left out comes from ``default_args``, or is each operator's own default.

    :param description: at most 1024 characters, without ``<``, ``>`` and carriage returns.
    :param cmk_id: id of the KMS key for an encrypted image.
    :param tags: at most 10 texts ``key.value``; excludes ``image_tags``.
    :param image_tags: at most 10 mappings ``{"key": …, "value": …}``; excludes ``tags``.
    :param enterprise_project_id: ``"0"`` or a UUID.
    :param ims_conn_id: Connection of type ``huaweicloud_ims`` (templated).
    :param region: overrides the Connection's region (templated).
    :param deferrable: wait in the triggerer, without a worker slot.
    :param upload_poll_interval: seconds between two looks at the upload, or a timedelta.
    :param upload_timeout: how long to wait for the upload, likewise.
    :param poll_interval: seconds between two looks at the job, None to adapt it to the elapsed time.
    :param timeout: how long one try to make the image may take, None for no limit.
    :param preflight: ``fail`` (default) stops before IMS is asked when the file is bad, ``warn`` only logs
        what is bad, ``off`` leaves the step out.
    :param outlets: Airflow assets that the finished image updates.
    :param default_args: for all steps, such as ``retries`` and ``pool``; they precede those of the DAG.
    :param tooltip: what the graph says of the group.
    """

    description: str | XComArg | None
    cmk_id: str | XComArg | None
    tags: Sequence[str] | str | XComArg | None
    image_tags: Sequence[Mapping[str, str]] | Mapping[str, str] | str | XComArg | None
    enterprise_project_id: str | XComArg | None
    ims_conn_id: str
    region: str | None
    deferrable: bool
    upload_poll_interval: timedelta | float
    upload_timeout: timedelta | float
    poll_interval: timedelta | float | None
    timeout: timedelta | float | None
    preflight: Literal["fail", "warn", "off"]
    outlets: Any
    default_args: dict[str, Any] | None
    tooltip: str


def import_data_image(
    *,
    image_url: str | XComArg,
    name: str | XComArg,
    min_disk: int | str | XComArg,
    os_type: str | XComArg,
    expected_size: int | str | XComArg | None = None,
    expected_etag: str | XComArg | None = None,
    group_id: str = "import_data_image",
    **arguments: Unpack[ImportArguments],
) -> MappingOutput:
    """Add a task group that makes one data image of one file, and return a reference to the image.

    The steps are ``check_upload``, ``preflight`` and ``create_data_image``. The last one submits and waits:
    its retries take up the job where it stands, and ask anew after a failure that allows it. The reference
    stands for this step, so that ``before >> import_data_image(…)`` holds back the submission only.

    :param image_url: the file, ``bucket:key`` (templated, as are the next three).
    :param name: of the image.
    :param min_disk: size of the disk in GB, 40 to 2048, at least the file's virtual size.
    :param os_type: ``Linux`` or ``Windows``.
    :param expected_size: bytes that the file must have (templated).
    :param expected_etag: ETag that the file must have (templated).
    :param group_id: names the group; the next one of the same name in a DAG gets a number behind it.
    :param arguments: as of :class:`ImportArguments`.
    :raises InvalidInputError: a literal argument breaks a rule.
    :raises TypeError: there is no such argument.
    """
    _refuse_strangers("import_data_image", arguments)
    required = {"image_url": image_url, "name": name, "min_disk": min_disk, "os_type": os_type}
    with TaskGroup(group_id, add_suffix_on_collision=True, **_look(arguments)):
        return _steps(
            {**required, **_fields(arguments)},
            arguments,
            expected_size=expected_size,
            expected_etag=expected_etag,
        )


def import_data_images(
    files: Sequence[str | ImageFile] | XComArg,
    *,
    name: str | XComArg | None = None,
    min_disk: int | str | XComArg | None = None,
    os_type: str | XComArg | None = None,
    group_id: str = "import_data_images",
    **arguments: Unpack[ImportArguments],
) -> ListOutput:
    """Add a task group that makes one data image of each file, and return a reference to the list of them.

    Each file passes through the steps of :func:`import_data_image` by itself, in the mapped group
    ``each_file``; the task ``images`` collects them in the order of the files, for a task or for ``expand``.
    Request fields given here are the same for all files and may be templates; the others come from each file,
    which is not templated.

    :param files: texts ``bucket:key``, or mappings of request fields with at least ``image_url``; literally,
        or what a task returns, such as ``ObsImageFileSensor`` for a pattern.
    :param name: of all images. Where neither it nor the file gives one, an image is called like its file,
        without folders and suffix; literal files whose images would then share a name are refused.
    :param min_disk: size of the disks in GB, where the files do not say it.
    :param os_type: ``Linux`` or ``Windows``, where the files do not say it.
    :param group_id: names the group; the next one of the same name in a DAG gets a number behind it.
    :param arguments: as of :class:`ImportArguments`.
    :raises InvalidInputError: a literal argument breaks a rule, or two files would give images of one name.
    :raises TypeError: there is no such argument.
    """
    _refuse_strangers("import_data_images", arguments)
    given = {"name": name, "min_disk": min_disk, "os_type": os_type, **_fields(arguments)}
    shared = {field: value for field, value in given.items() if value is not None}

    def completed(file: object) -> dict[str, Any]:
        return complete(file, shared)

    def one_file(**fields: Any) -> Any:
        return _steps(fields, arguments, map_index_template="{{ task.image_url }}")

    # By the names of the parameters Airflow finds the values of each file.
    vars(one_file)["__signature__"] = _REQUEST
    each = literal_files(files, shared) if isinstance(files, Sequence) else files.map(completed)
    with TaskGroup(group_id, add_suffix_on_collision=True, **_look(arguments)):
        images = task_group(group_id="each_file")(one_file).partial(**shared).expand_kwargs(each)
        return cast("ListOutput", _collected(images))


def _steps(fields: Mapping[str, Any], arguments: ImportArguments, **each: Any) -> MappingOutput:
    """Add the tasks, and return a reference to the image.

    :param each: more of the sensor's arguments, and ``map_index_template`` for all three.
    """
    mode = arguments.get("preflight", "fail")
    if mode not in PREFLIGHT:
        raise_for(
            "import_data_image", [Violation("preflight", mode, f"must be one of {', '.join(PREFLIGHT)}")]
        )
    label = {name: value for name, value in each.items() if name == "map_index_template"}
    reach = _chosen(arguments, ims_conn_id="ims_conn_id", region="region") | label
    waiting = reach | _chosen(arguments, deferrable="deferrable")
    patience = _chosen(arguments, timeout="upload_timeout", poll_interval="upload_poll_interval")
    check_upload = ObsImageFileSensor(
        task_id="check_upload",
        image_url=fields["image_url"],
        mode="reschedule",  # where it is not deferred, it holds no worker slot either
        **{**each, **waiting, **patience},
    )
    running = _chosen(arguments, timeout="timeout", poll_interval="poll_interval", outlets="outlets")
    create = ImsCreateDataImageOperator(
        task_id="create_data_image", wait_for_completion=True, **{**fields, **waiting, **running}
    )
    if mode == "off":
        check_upload >> create
    else:
        check_upload >> ImsPreflightOperator(task_id="preflight", mode=mode, **{**fields, **reach}) >> create
    return cast("MappingOutput", create.output)


@task(task_id="images")
def _collected(images: Any) -> list[Any]:
    # Airflow expands over what one task returns, but not over what a mapped group does.
    return list(images)


def _refuse_strangers(function: str, arguments: Mapping[str, Any]) -> None:
    """Refuse what Python itself lets pass, since ``**arguments`` takes any name."""
    for name in sorted(arguments.keys() - ImportArguments.__annotations__.keys()):
        airflow_own = name in SensorArguments.__annotations__
        remedy = f": put it into default_args, {{{name!r}: …}}" if airflow_own else ""
        raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{remedy}")


def _chosen(arguments: ImportArguments, **names: str) -> dict[str, Any]:
    """Return the arguments that were given, by an operator's own names; ``default_args`` fill in others."""
    given = cast("Mapping[str, Any]", arguments)
    return {own: given[name] for own, name in names.items() if name in given}


def _fields(arguments: ImportArguments) -> dict[str, Any]:
    return _chosen(arguments, **{name: name for name in _OPTIONAL})


def _look(arguments: ImportArguments) -> dict[str, Any]:
    look = _chosen(arguments, default_args="default_args", tooltip="tooltip")
    return {"tooltip": "Makes a data image of a file in OBS"} | {
        name: value for name, value in look.items() if value is not None
    }
