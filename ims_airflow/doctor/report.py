"""The checks, as one value: for ``--json``, and as sentences for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ims_airflow import __version__
from ims_airflow.doctor.check import MARKS, Check, Status, all_well, failed, ok
from ims_airflow.protocol.endpoints import Endpoints

_STYLES: dict[Status, str] = {"ok": "green", "failed": "bold red", "skipped": "dim", "warning": "yellow"}
_LEAST_AIRFLOW = (3, 3)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found about one Connection.

    :param origin: where the Connection was found.
    :param endpoints: that were asked, None when the Connection could not be read.
    """

    conn_id: str
    origin: str
    endpoints: Endpoints | None
    checks: tuple[Check, ...]

    @property
    def well(self) -> bool:
        """Whether no check failed."""
        return all_well(self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "connection": self.conn_id,
            "origin": self.origin,
            "endpoints": _addresses(self.endpoints),
            "versions": versions(),
            "ok": self.well,
            "checks": [check.as_dict() for check in self.checks],
        }


def versions() -> dict[str, str | None]:
    """Return the versions that a bug report needs; importing Airflow for it would take seconds."""
    try:
        airflow: str | None = version("apache-airflow-core")
    except PackageNotFoundError:
        airflow = None
    return {"ims-airflow": __version__, "airflow": airflow, "python": python_version()}


def version_check(found: Mapping[str, str | None]) -> Check:
    """Say whether this package works with what is installed.

    :param found: as :func:`versions` returns it.
    """
    told = f"ims-airflow {found['ims-airflow']}, Python {found['python']}"
    airflow = found["airflow"]
    if airflow is None:
        return failed("versions", f"{told}, and no Airflow. Install apache-airflow 3.3 or newer beside it.")
    if tuple(int(part) for part in airflow.split(".")[:2]) < _LEAST_AIRFLOW:
        return failed("versions", f"{told}, Airflow {airflow}: this package needs Airflow 3.3 or newer.")
    return ok("versions", f"{told}, Airflow {airflow}.")


def readable(report: Report) -> RenderableType:
    """Return a report for people, to print with ``rich``."""
    facts = Table.grid(padding=(0, 2))
    facts.add_row(Text("Connection", style="bold"), Text(f"{report.conn_id}, from {report.origin}"))
    for name, value in (_addresses(report.endpoints) or {}).items():
        facts.add_row(Text(name.upper(), style="bold"), Text(value))
    lines = Table.grid(padding=(0, 1))
    for check in report.checks:
        style = _STYLES[check.status]
        lines.add_row(
            Text(MARKS[check.status], style=style), Text(check.message, style=_subdued(check.status))
        )
    return Group(facts, Text(), lines, Text(), _verdict(report))


def _addresses(endpoints: Endpoints | None) -> dict[str, str] | None:
    if endpoints is None:
        return None
    return {"ims": endpoints.ims, "iam": endpoints.iam, "obs": endpoints.obs}


def _subdued(status: Status) -> str:
    return "dim" if status == "skipped" else ""


def _verdict(report: Report) -> Text:
    bad = [check.name for check in report.checks if check.status == "failed"]
    if not bad:
        return Text("Nothing failed.", style="green")
    return Text(f"Failed: {', '.join(bad)}.", style="bold red")
