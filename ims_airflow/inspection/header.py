"""Numbers out of headers, and what a whole set of them tells."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from ims_airflow.inspection.finding import WRONG_FILE, Finding, error
from ims_airflow.inspection.reading import Reading


class HeaderCutError(Exception):
    """Raised when the file ends, or turns to nonsense, inside of what describes it."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What the headers of a file tell.

    :param virtual_size: bytes of the disk in it, None when they do not tell.
    :param needed: bytes that the file must have at least to hold all that its headers point to.
    """

    virtual_size: int | None
    needed: int = 0
    findings: tuple[Finding, ...] = ()


# Given the first bytes of a file and its size in bytes, tells what its headers say.
Examine = Callable[[bytes, int], Reading[Anatomy]]


def numbers(layout: str, data: bytes, offset: int = 0) -> tuple[int, ...]:
    """Read numbers.

    :param layout: as in :mod:`struct`.
    :raises HeaderCutError: the data ends before.
    """
    try:
        return struct.unpack_from(layout, data, offset)
    except struct.error:
        raise HeaderCutError from None


def table(layout: str, data: bytes) -> list[int]:
    """Read as many numbers of one kind as there are.

    :param layout: of one of them, byte order first.
    """
    count = len(data) // struct.calcsize(layout)
    return list(struct.unpack_from(f"{layout[0]}{count}{layout[1]}", data))


def damaged(what: str) -> Finding:
    """Return the finding for a header that contradicts itself."""
    return error(WRONG_FILE, f"The header is damaged: {what}. Create or upload the file again.")


def backing(what: str) -> Finding:
    """Return the finding for a file that holds only the difference from another one."""
    return error(
        WRONG_FILE,
        f"The file is not complete by itself: {what}. IMS gets this file alone. "
        "Convert it with `qemu-img convert`, which takes in what it is based on.",
    )


def encrypted(how: str) -> Finding:
    """Return the finding for a file that nobody reads without a password."""
    return error(
        WRONG_FILE,
        f"The disk in the file is encrypted ({how}). IMS cannot read it. "
        "Decrypt it with `qemu-img convert`, and let IMS encrypt the image with cmk_id if need be.",
    )
