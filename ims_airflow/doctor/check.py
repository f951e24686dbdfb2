"""What a check found, as a value."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ims_airflow.exceptions import ImsAirflowError

Status = Literal["ok", "failed", "skipped", "warning"]
MARKS: dict[Status, str] = {"ok": "✓", "failed": "✗", "skipped": "–", "warning": "!"}

_WHICH_REQUEST = re.compile(r"^<(?:Request|Call) [^>]*>: ")


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found.

    :param name: short and stable; a permission's check bears the permission's name.
    :param status: ``warning`` is worth knowing and keeps nothing from working.
    :param message: whole sentences, the last of which tells what to do. Holds no secret.
    """

    name: str
    status: Status
    message: str

    def as_dict(self) -> dict[str, str]:
        """Return the check as JSON values."""
        return {"name": self.name, "status": self.status, "message": self.message}

    def __str__(self) -> str:
        return f"{MARKS[self.status]} {self.message}"


def ok(name: str, message: str) -> Check:
    """Return a check that found everything in order."""
    return Check(name, "ok", message)


def failed(name: str, message: str) -> Check:
    """Return a check that found something that must change."""
    return Check(name, "failed", message)


def skipped(name: str, message: str) -> Check:
    """Return a check that was not made."""
    return Check(name, "skipped", message)


def warning(name: str, message: str) -> Check:
    """Return a check that found something worth knowing."""
    return Check(name, "warning", message)


def unreadable(error: ImsAirflowError) -> Check:
    """Return the check of a Connection that cannot be found or breaks a rule."""
    return failed("connection", str(error))


def all_well(checks: Iterable[Check]) -> bool:
    """Whether none of them failed."""
    return not any(check.status == "failed" for check in checks)


def words(error: ImsAirflowError) -> str:
    """Return an error as the end of a sentence, without the request that it begins with."""
    return f"{_WHICH_REQUEST.sub('', str(error)).strip().rstrip('.')}."
