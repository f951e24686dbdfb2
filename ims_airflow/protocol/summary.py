"""The line that a person reads first after a bad night."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ims_airflow.protocol.duration import duration

_SPANS = {"upload_check": "upload check", "queue": "in the queue", "job": "in the job"}


def summary(result: Mapping[str, Any]) -> str:
    """Sum up what :meth:`~ims_airflow.protocol.job_watch.Outcome.as_dict` holds."""
    state, trouble = result.get("image_status") or "made", result.get("trouble_seconds")
    words = [
        f"Image {result.get('image_id')} ({result.get('image_name')}) is {state}: job {result.get('job_id')}",
        *_sizes(result),
        *_spans(result.get("seconds")),
        f"{result.get('polls')} polls",
        f"{duration(trouble)} of trouble" if trouble else "no trouble",
    ]
    return ", ".join(words)


def _sizes(result: Mapping[str, Any]) -> list[str]:
    disk, file = result.get("min_disk"), result.get("image_size")
    sizes = [f"a disk of {disk} GB"] if disk else []
    if isinstance(file, int) and file > 0:
        sizes.append(f"a file of {_bytes(file)}")
    return sizes


def _bytes(size: int) -> str:
    """Spell a number of bytes as people say it."""
    return f"{size / 1024**3:.1f} GiB" if size >= 1024**3 else f"{size / 1024**2:.1f} MiB"


def _spans(seconds: object) -> list[str]:
    known = seconds if isinstance(seconds, Mapping) else {}
    return [
        f"{words} {duration(known[name])}" for name, words in _SPANS.items() if known.get(name) is not None
    ]
