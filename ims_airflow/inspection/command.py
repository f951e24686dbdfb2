"""``ims-airflow inspect``: what a local file or an object in OBS is, and whether IMS will take it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from rich.console import Console

from ims_airflow.exceptions import ImsAirflowError, InvalidInputError
from ims_airflow.inspection.access import open_client
from ims_airflow.inspection.inspection import inspect_file
from ims_airflow.inspection.preflight import preflight
from ims_airflow.inspection.report import Report, readable, report
from ims_airflow.protocol.image_url import ImageUrl, image_url_violations
from ims_airflow.protocol.validation import raise_for

CONN_ID = "huaweicloud_ims_default"


def run_inspect(
    target: str, *, min_disk: int | None = None, as_json: bool = False, conn_id: str = CONN_ID
) -> int:
    """Inspect a file and print the report.

    :param target: a path, or ``bucket:key``. What exists as a path is one.
    :param min_disk: GB that are going to be asked for.
    :param as_json: print one JSON object instead of a table.
    :param conn_id: the Connection to read OBS with. A local file needs none.
    :returns: 0, 1 when a finding is an error, 2 when nothing could be inspected.
    """
    try:
        found = _inspect(target, min_disk, conn_id)
    except (ImsAirflowError, OSError) as error:
        print(f"ims-airflow inspect: {error}", file=sys.stderr)  # noqa: T201
        return 2
    if as_json:
        print(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))  # noqa: T201
    else:
        Console().print(readable(found))
    return 1 if found.failed else 0


def _inspect(target: str, min_disk: int | None, conn_id: str) -> Report:
    path = Path(target)
    if path.exists():
        if not (path.is_file() or path.is_block_device()):
            raise InvalidInputError(f"{target!r} is not a file")
        return report(target, inspect_file(path, min_disk=min_disk))
    url = _image_url(target)
    with open_client(conn_id, os.environ) as client:
        return client.run(preflight(url, region=client.account.region, min_disk=min_disk))


def _image_url(target: str) -> ImageUrl:
    bucket, colon, key = target.partition(":")
    if not colon:
        raise InvalidInputError(f"there is no file {target!r}, nor is it spelled bucket:key")
    # Spaces in the key are worth a look all the same: the report names them beside everything else.
    raise_for(
        f"{target!r} is not a file here, and as bucket:key it", image_url_violations(target.replace(" ", "_"))
    )
    return ImageUrl(bucket, key)
