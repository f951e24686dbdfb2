"""The one door to ``oslo.utils``, the image inspection of OpenStack.

It is written for streams and keeps to itself what it needs next. So it is fed with the head of a file here,
and asked for what it is good at: the rules about what makes an image unsafe.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from oslo_utils.imageutils import format_inspector
from oslo_utils.imageutils.format_inspector import (
    FileInspector,
    GPTInspector,
    LUKSInspector,
    QcowInspector,
    SafetyViolation,
    VDIInspector,
    VMDKInspector,
)

__all__ = [
    "GPTInspector",
    "LUKSInspector",
    "QcowInspector",
    "VDIInspector",
    "VMDKInspector",
    "fed",
    "violation",
]

# It logs what it objects to. Here that becomes findings, so a program without any logging stays quiet.
logging.getLogger(format_inspector.__name__).addHandler(logging.NullHandler())

_Inspector = TypeVar("_Inspector", bound=FileInspector)


def fed(kind: type[_Inspector], head: bytes) -> _Inspector | None:
    """Return an inspector that has seen the head of a file, None when that is not of its format.

    :param head: from the file's first byte; padded to the 512 bytes that every inspector waits for.
    """
    inspector = kind()
    try:
        inspector.eat_chunk(head.ljust(512, b"\0"))
        matches = inspector.format_match
    except Exception:  # noqa: BLE001  # any bytes can come here, and this parser trusts some of them
        return None
    return inspector if matches else None


def violation(check: Callable[[], None]) -> str:
    """Run a safety check and return what it objects to, empty when nothing.

    :param check: a ``check_…`` method of an inspector.
    """
    try:
        check()
    except SafetyViolation as objection:
        return str(objection)
    except Exception:  # noqa: BLE001  # as above
        return "it cannot be read"
    return ""
