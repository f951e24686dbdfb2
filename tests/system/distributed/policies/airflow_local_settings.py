"""The cluster policy of the distributed test: tries enough for all that is done to a task there."""

from __future__ import annotations

from typing import Any

__all__ = ["task_policy"]

RETRIES = 20


def task_policy(task: Any) -> None:
    """Let no task run out of tries: the example DAGs have two or three, for one blow or two, not for six."""
    task.retries = max(task.retries, RETRIES)
