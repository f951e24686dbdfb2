"""Everything that was found, as one value: for XCom and ``--json``, and as a table for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ims_airflow.inspection.file_rules import gigabytes
from ims_airflow.inspection.finding import Finding, Level, has_errors, ordered
from ims_airflow.inspection.inspection import Inspection
from ims_airflow.protocol.obs import StoredObject

_STYLES: dict[Level, str] = {"error": "bold red", "warning": "yellow", "note": "cyan"}


@dataclass(frozen=True, slots=True)
class Report:
    """What was found about one image file.

    :param target: the file, as a path or ``bucket:key``.
    :param inspection: what the file is, None when nobody could look into it.
    :param findings: about file and surroundings, the worst first.
    :param stored: the object in OBS, None for a local file and for a missing object.
    """

    target: str
    inspection: Inspection | None
    findings: tuple[Finding, ...]
    stored: StoredObject | None = None

    @property
    def failed(self) -> bool:
        """Whether a finding is an error."""
        return has_errors(self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values. Sizes are bytes, ``min_disk`` is GB; what nobody knows is null."""
        seen = self.inspection
        return {
            "target": self.target,
            "format": seen.format if seen else None,
            "virtual_size": seen.virtual_size if seen else None,
            "size": seen.size if seen else self.stored and self.stored.size,
            "min_disk": seen.min_disk if seen else None,
            "etag": self.stored.etag if self.stored else None,
            "findings": [finding.as_dict() for finding in self.findings],
        }


def report(
    target: str,
    inspection: Inspection | None,
    others: tuple[Finding, ...] = (),
    stored: StoredObject | None = None,
) -> Report:
    """Put together what was found in the file and around it."""
    own = inspection.findings if inspection else ()
    return Report(target, inspection, ordered((*own, *others)), stored)


def readable(found: Report) -> RenderableType:
    """Return a report for people, to print with ``rich``."""
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(found):
        facts.add_row(Text(name, style="bold"), Text(value))
    if not found.findings:
        return Group(facts, Text("Nothing to complain about.", style="green"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("Level", "Code", "Finding"):
        table.add_column(column, no_wrap=column != "Finding")
    for finding in found.findings:
        style = _STYLES[finding.level]
        table.add_row(Text(finding.level, style=style), Text(finding.code), Text(finding.message))
    return Group(facts, table)


def _facts(found: Report) -> list[tuple[str, str]]:
    seen = found.inspection
    rows = [("File", found.target)]
    if seen is None:
        return rows
    smallest = "unknown" if seen.virtual_size is None else "none is large enough"
    return [
        *rows,
        ("Format", seen.format),
        ("Size", _bytes(seen.size)),
        ("Virtual size", "unknown" if seen.virtual_size is None else _bytes(seen.virtual_size)),
        ("Smallest min_disk", smallest if seen.min_disk is None else f"{seen.min_disk} GB"),
    ]


def _bytes(size: int) -> str:
    return f"{gigabytes(size)} GB ({size:,} bytes)"
