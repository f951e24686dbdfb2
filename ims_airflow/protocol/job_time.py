"""The two spellings in which IMS tells when a job began and ended, brought to one.

Source: IMS API reference, 异步任务查询 (``04-Jun-2015 18:11:06:586``) and 异步任务进度查询
(``2022-05-17T14:42:20.859Z``). Both are UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # strptime's would depend on the locale
_OLD = re.compile(r"(\d{1,2})-([A-Z][a-z]{2})-(\d{4}) (\d{2}):(\d{2}):(\d{2})[:.](\d{3})", re.ASCII)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}\S*", re.ASCII)


def normalised_time(text: str) -> str:
    """Spell a time as ``2015-06-04T18:11:06.586Z``; return it as given when in no known spelling."""
    if not text or (len(text) == 24 and text[10] + text[19] + text[23] == "T.Z"):
        return text  # spelled as wanted, or not a time
    try:
        moment = _parsed(text)
    except (ValueError, OverflowError):  # a 31st of February, or an offset that leaves the calendar
        return text
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else text


def _parsed(text: str) -> datetime | None:
    if _ISO.fullmatch(text):
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    old = _OLD.fullmatch(text)
    if old is None or old[2] not in _MONTHS:
        return None
    day, year, hour, minute, second, millisecond = (int(old[n]) for n in (1, 3, 4, 5, 6, 7))
    return datetime(year, _MONTHS.index(old[2]) + 1, day, hour, minute, second, millisecond * 1000, UTC)


def epoch(text: str) -> float | None:
    """Return a time in epoch seconds, None when it is in no known spelling."""
    try:
        moment = _parsed(text)
    except (ValueError, OverflowError):
        return None
    return moment.timestamp() if moment else None


def iso_epoch(text: object) -> float | None:
    """Return an ISO 8601 time of any precision in epoch seconds, None for what nobody can read.

    So IAM tells when a key ends, and IMS when an image was made; without an offset it is UTC.
    """
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def iso_time(seconds: float) -> str:
    """Spell epoch seconds as ``2015-06-04T18:11:06Z``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
