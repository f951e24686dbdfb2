"""The answer to a job query, of either query URL, as one value.

Source: IMS API reference, 异步任务查询 (ShowJob) and 异步任务进度查询 (ShowJobProgress). The spellings differ
between pages, regions and years, so everything but the status may be missing or of another type.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from ims_airflow.exceptions import UnusableAnswerError
from ims_airflow.protocol.job_time import normalised_time
from ims_airflow.protocol.plain_text import one_line, printable

STATUSES = frozenset({"INIT", "RUNNING", "SUCCESS", "FAIL"})
DEEPEST = 4  # levels of sub-jobs; the documented answers have one
MOST_JOBS = 200  # of one answer, sub-jobs included
LONGEST_TEXT = 1000  # characters of one field
LONGEST_REASON = 2000  # characters

# Where a FAIL may carry its reason besides error_code and fail_reason (vendor SDK, class JobEntities).
_ENTITY_REASONS = ("error", "addition_error_msg")
_ENTITY_CODES = ("error_code", "addition_error_code", "alarm_code")
_REASONS = frozenset((*_ENTITY_REASONS, *_ENTITY_CODES))


class Job(NamedTuple):
    """What IMS says about a job. Text that the answer does not hold is empty.

    A named tuple, because it is made with each poll, at a quarter of what a frozen dataclass costs.

    :param status: ``INIT``, ``RUNNING``, ``SUCCESS`` or ``FAIL``; any other word as IMS spells it.
    :param begin_time: ISO 8601 in UTC, or as given when in no known spelling.
    :param end_time: likewise; empty while the job is going.
    :param image_id: the result. May be there long before the job ends, so it is no sign of success.
    :param progress: fraction from 0 to 1, None when unknown. Not reliable enough to derive a state from.
    :param fail_reason: all reasons from all places of the answer, without repetitions.
    """

    job_id: str
    status: str
    job_type: str = ""
    begin_time: str = ""
    end_time: str = ""
    image_id: str = ""
    image_name: str = ""
    progress: float | None = None
    current_task: str = ""
    error_code: str = ""
    fail_reason: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the job reached its goal."""
        return _word(self.status) == "SUCCESS"

    @property
    def is_failed(self) -> bool:
        """Whether the job ended without reaching its goal."""
        return _word(self.status) == "FAIL"

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self.is_success or self.is_failed

    @property
    def is_queued(self) -> bool:
        """Whether nothing has happened to the job yet."""
        return _word(self.status) == "INIT"

    @property
    def is_known(self) -> bool:
        """Whether the status is one of the documented four. Another word is not an end."""
        return _word(self.status) in STATUSES

    def as_dict(self) -> dict[str, Any]:
        """Return what goes into XCom and events, under the API's names; None for what is not known."""
        return {
            "job_id": self.job_id,
            "status": self.status,
            "job_type": self.job_type or None,
            "image_id": self.image_id or None,
            "image_name": self.image_name or None,
            "begin_time": self.begin_time or None,
            "end_time": self.end_time or None,
            "process_percent": self.progress,
            "current_task": self.current_task or None,
            "error_code": self.error_code or None,
            "fail_reason": self.fail_reason or None,
        }


def _word(status: str) -> str:
    return status if status in STATUSES else status.strip().upper()


Level = tuple[Mapping[str, Any], Mapping[str, Any]]  # a job or a sub-job, and its entities


def parse_job(payload: Mapping[str, Any], job_id: str = "") -> Job:
    """Read the answer to a job query.

    :param job_id: the job that was asked about.
    :raises UnusableAnswerError: the answer holds no status, or is about another job.
    """
    entities = _mapping(payload, "entities")
    levels = [(payload, entities)]
    if "sub_jobs_result" in entities:  # the answers about data images have none
        levels = list(islice(_levels(payload), MOST_JOBS))
    error_code, fail_reason = _reasons(levels)
    return Job(
        job_id=_same_job(_text(payload, "job_id"), job_id),
        status=_status(payload, job_id),
        job_type=_text(payload, "job_type"),
        begin_time=normalised_time(_text(payload, "begin_time")),
        end_time=normalised_time(_text(payload, "end_time")),
        image_id=_result(levels, "image_id"),
        image_name=_result(levels, "image_name"),
        progress=_fraction(entities.get("process_percent")),
        current_task=_text(entities, "current_task"),
        error_code=error_code,
        fail_reason=fail_reason,
    )


def _status(payload: Mapping[str, Any], job_id: str) -> str:
    status = _text(payload, "status")
    if status in STATUSES:  # as nearly always
        return status
    if not status:
        raise UnusableAnswerError(f"the answer about job {job_id or '(unnamed)'} holds no status")
    return status.upper() if status.upper() in STATUSES else status


def _same_job(found: str, asked: str) -> str:
    if found and asked and found != asked:
        raise UnusableAnswerError(f"asked about job {asked}, IMS answered about job {found}")
    return found or asked


def _levels(payload: Mapping[str, Any], depth: int = 0) -> Iterator[Level]:
    """Yield the job and its sub-jobs, from the top down."""
    entities = _mapping(payload, "entities")
    yield payload, entities
    if depth < DEEPEST and "sub_jobs_result" in entities:
        for sub_job in _rows(entities, "sub_jobs_result"):
            yield from _levels(sub_job, depth + 1)


def _result(levels: Iterable[Level], name: str) -> str:
    for _, entities in levels:
        if text := _text(entities, name):
            return text
    for _, entities in levels:
        for row in _rows(entities, "results") if "results" in entities else ():
            if text := _text(row, name):
                return text
    return ""


def _reasons(levels: Iterable[Level]) -> tuple[str, str]:
    complaints = [level for level in levels if _complains(*level)]
    if not complaints:  # like every job that is going
        return "", ""
    codes: list[str] = []
    texts: list[str] = []
    for level, entities in complaints:
        codes += [*_texts(level, ("error_code",)), *_texts(entities, _ENTITY_CODES)]
        texts += [*_texts(level, ("fail_reason",)), *_texts(entities, _ENTITY_REASONS)]
    # The first code is the verdict's own; the others may tell more, so they join the reasons.
    return (codes[0] if codes else ""), _joined([*texts, *codes[1:]], but=codes[:1])


def _complains(level: Mapping[str, Any], entities: Mapping[str, Any]) -> bool:
    return bool(level.get("error_code") or level.get("fail_reason")) or not _REASONS.isdisjoint(entities)


def _texts(place: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    return [text for name in names if name in place and (text := _text(place, name))]


def _joined(texts: Iterable[str], but: Iterable[str]) -> str:
    kept: list[str] = []
    for text in texts:
        if text and text not in but and not any(text in earlier for earlier in kept):
            kept.append(text)
    return one_line("; ".join(kept), LONGEST_REASON) if kept else ""


def _fraction(value: object) -> float | None:
    """Read ``process_percent``: a fraction in the documentation, percent in the field's name."""
    if type(value) is float and 0 <= value <= 1:  # as documented, and as nearly always
        return value
    is_percent = isinstance(value, str) and value.rstrip().endswith("%")
    number = _number(value.rstrip().removesuffix("%") if isinstance(value, str) else value)
    if number is None or not 0 <= number <= 100:
        return None
    return number / 100 if is_percent or number > 1 else number


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _text(place: Mapping[str, Any], name: str) -> str:
    value = place.get(name)
    if value is None or value == "":  # most fields of most answers
        return ""
    if not isinstance(value, str):
        return _code(value) if name.endswith("_code") else ""
    text = printable(value[:LONGEST_TEXT])
    return "" if len(text) == 4 and text.lower() in {"null", "none"} else text


def _code(value: object) -> str:
    # IAM spells its codes as numbers.
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9
    return str(value) if whole else ""


def _mapping(place: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = place.get(name)
    return value if isinstance(value, dict) else {}


def _rows(place: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = place.get(name)
    rows = value[:MOST_JOBS] if isinstance(value, list) else []
    return [row for row in rows if isinstance(row, dict)]
