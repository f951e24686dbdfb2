"""Where an image comes from: the two tags that tell the DAG and the task instance that asked for it.

A tag's value has 43 characters, ids of Airflow have up to 250. So the marker begins with a digest of the task
instance, to be compared with, and the DAG is named by its id where that fits, else by its start and a digest.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from ims_airflow.protocol.data_image_tags import CHINESE

LONGEST_VALUE = 43  # characters of a tag's value

_FITTING = re.compile(rf"[A-Za-z0-9_.{CHINESE}-]{{1,{LONGEST_VALUE}}}")
_UNFITTING = re.compile(rf"[^A-Za-z0-9_.{CHINESE}-]")
_SHORTENED = re.compile(r".*-[0-9a-f]{16}")
_MARKER = re.compile(r"(?:(?P<digest>[0-9a-f]{10})-)?[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Origin:
    """A task instance, under Airflow's own names.

    :param map_index: -1 for a task that is not mapped.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1

    @property
    def digest(self) -> str:
        """Ten hexadecimal digits that tell it from others. The joining is unambiguous, whatever ids hold."""
        return _digest([self.dag_id, self.run_id, self.task_id, self.map_index])[:10]

    def marker(self, unique: str) -> str:
        """Return a marker for one submission of this task instance.

        :param unique: 32 hexadecimal digits that were never used before.
        """
        return f"{self.digest}-{unique}"


def is_marker(value: str) -> bool:
    """Whether this package may have written this marker; early ones held no digest."""
    return _MARKER.fullmatch(value) is not None


def digest_in(marker: str) -> str:
    """Return the digest of the task instance in a marker, empty for a marker without one."""
    found = _MARKER.fullmatch(marker)
    return (found["digest"] or "") if found else ""


def dag_tag(dag_id: str) -> str:
    """Return the tag's value that stands for a DAG: equal for equal ids only.

    The id itself where it fits. Others keep a readable start before a digest, and so do ids that look as if
    they had been shortened.
    """
    if _FITTING.fullmatch(dag_id) and not _SHORTENED.fullmatch(dag_id):
        return dag_id
    end = f"-{_digest(dag_id)[:16]}"
    return _UNFITTING.sub("_", dag_id)[: LONGEST_VALUE - len(end)] + end


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
