"""Reading little of a large file, without knowing where it lies.

Whoever looks into a file is a generator: it yields the stretches that it wants and is sent their bytes,
fewer where the file ends. One driver reads a local file, one an object in OBS; between them and the generator
stands :func:`frugal`, so that no file, however broken or hostile, costs more than the limits say.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ims_airflow.protocol.image_url import ImageUrl
from ims_airflow.protocol.message import Flow
from ims_airflow.protocol.obs_range import read_range

T = TypeVar("T")

HEAD = 36 * 1024  # bytes: up to where an ISO image has its descriptor; nearly all headers lie in there
MOST_BYTES = 4 * 1024 * 1024
MOST_REQUESTS = 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """A stretch of the file.

    :param offset: first byte; whatever a header says, it may lie anywhere.
    :param length: number of bytes.
    """

    offset: int
    length: int


Reading = Generator[Wanted, bytes, T]


@dataclass(slots=True)
class Effort:
    """What looking into a file has cost.

    :param requests: stretches that were read.
    :param bytes_read: their bytes.
    """

    requests: int = 0
    bytes_read: int = 0
    _kept: list[tuple[int, bytes]] = field(default_factory=list, repr=False)

    def known(self, wanted: Wanted) -> bytes | None:
        """Return a stretch that was read before, None when it was not."""
        for offset, data in self._kept:
            start = wanted.offset - offset
            if start >= 0 and start + wanted.length <= len(data):
                return data[start : start + wanted.length]
        return None

    def keep(self, offset: int, data: bytes) -> None:
        """Count and remember what was read."""
        self.requests += 1
        self.bytes_read += len(data)
        self._kept.append((offset, data))


def frugal(reading: Reading[T], size: int, effort: Effort) -> Reading[T]:
    """Pass wishes on as far as the file and the limits go, and read nothing twice.

    :param size: bytes of the file.
    :param effort: is filled with what was read.
    """
    data: bytes | None = None
    while True:
        try:
            wanted = next(reading) if data is None else reading.send(data)
        except StopIteration as stop:
            result: T = stop.value
            return result
        data = yield from _obtain(_cut_to(wanted, size), effort)


def _cut_to(wanted: Wanted, size: int) -> Wanted:
    length = max(min(wanted.length, size - wanted.offset), 0) if wanted.offset >= 0 else 0
    return Wanted(wanted.offset, length)


def _obtain(wanted: Wanted, effort: Effort) -> Reading[bytes]:
    known = b"" if wanted.length == 0 else effort.known(wanted)
    if known is not None:
        return known
    length = min(wanted.length, MOST_BYTES - effort.bytes_read)
    if length <= 0 or effort.requests >= MOST_REQUESTS:
        return b""
    data = yield Wanted(wanted.offset, length)
    effort.keep(wanted.offset, data)
    return data


def read_file(path: Path, reading: Reading[T]) -> T:
    """Let a generator read a local file.

    :raises OSError: the file cannot be read.
    """
    data: bytes | None = None
    with path.open("rb", buffering=0) as file:
        while True:
            try:
                wanted = next(reading) if data is None else reading.send(data)
            except StopIteration as stop:
                result: T = stop.value
                return result
            file.seek(wanted.offset)
            data = file.read(wanted.length)


def read_object(url: ImageUrl, etag: str, reading: Reading[T]) -> Flow[T]:
    """Let a generator read an object.

    :param etag: of the object as HEAD told it; reading stops when the object turns out to be another one.
    :raises ImsAirflowError: the object cannot be read, or has changed meanwhile.
    """
    data: bytes | None = None
    while True:
        try:
            wanted = next(reading) if data is None else reading.send(data)
        except StopIteration as stop:
            result: T = stop.value
            return result
        data = yield from read_range(url, wanted.offset, wanted.length, etag)
