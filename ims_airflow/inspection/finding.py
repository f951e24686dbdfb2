"""What was found, as values.

The code is that of the error which IMS would have reported later (IMS API reference, 错误码). Where no page
names one, it is a short word of this package.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")

NAME_EXISTS = "IMG.0009"
QUOTA_USED_UP = "IMG.0015"
WRONG_DISK_SIZE = "IMG.0055"
WRONG_FILE = "IMG.0057"
WRONG_REGION = "IMG.0058"
FILE_TOO_LARGE = "IMG.0059"
NO_ACCESS_TO_BUCKET = "IMG.0069"
NO_SUCH_KMS_KEY = "IMG.0095"
SPACES_IN_KEY = "IMG.0175"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    :param level: ``error`` makes the import fail, ``warning`` may, ``note`` is worth knowing.
    :param code: the IMS code that it would have become, or a short stable word.
    :param message: one sentence or two, the last of which tells what to do.
    """

    level: Level
    code: str
    message: str

    def as_dict(self) -> dict[str, str]:
        """Return the finding as JSON values."""
        return {"level": self.level, "code": self.code, "message": self.message}


def error(code: str, message: str) -> Finding:
    """Return a finding that makes the import fail."""
    return Finding("error", code, message)


def warning(code: str, message: str) -> Finding:
    """Return a finding that may make the import fail, or its image disappoint."""
    return Finding("warning", code, message)


def note(code: str, message: str) -> Finding:
    """Return a finding that is worth knowing."""
    return Finding("note", code, message)


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings without repetitions, the worst first."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: LEVELS.index(finding.level)))


def has_errors(findings: Iterable[Finding]) -> bool:
    """Whether one of them is an error."""
    return any(finding.level == "error" for finding in findings)
