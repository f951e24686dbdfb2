"""``ims-airflow doctor``: what works with a Connection and what does not."""

from __future__ import annotations

import json
import os

from rich.console import Console

from ims_airflow.doctor.check import Check, unreadable
from ims_airflow.doctor.report import Report, readable, version_check, versions
from ims_airflow.doctor.source import Source, find_source
from ims_airflow.exceptions import InvalidInputError
from ims_airflow.protocol.endpoints import Endpoints
from ims_airflow.protocol.ids import DEFAULT_CONN_ID


def run_doctor(conn_id: str | None = None, *, as_json: bool = False) -> int:
    """Examine a Connection and print what was found.

    :param conn_id: the Connection; None for the default one, or the variables of the vendor's tools.
    :param as_json: print one JSON object instead of sentences.
    :returns: 0, or 1 when a check failed.
    """
    report = _examined(conn_id)
    if as_json:
        print(json.dumps(report.as_dict(), indent=2, ensure_ascii=False))  # noqa: T201
    else:
        Console().print(readable(report))
    return 0 if report.well else 1


def _examined(conn_id: str | None) -> Report:
    installed = version_check(versions())
    try:
        source = find_source(conn_id, os.environ)
    except InvalidInputError as error:
        return Report(conn_id or DEFAULT_CONN_ID, "the environment", None, (installed, unreadable(error)))
    endpoints, checks = _diagnosed(source)
    return Report(source.conn_id, source.origin, endpoints, (installed, *checks))


def _diagnosed(source: Source) -> tuple[Endpoints | None, list[Check]]:
    from ims_airflow.hooks.diagnosis import diagnose  # noqa: PLC0415  # --help needs no HTTP library

    try:
        profile = source.read()
    except InvalidInputError as error:
        return None, [unreadable(error)]
    return profile.endpoints, diagnose(profile)
