"""The cluster policy of the distributed test: tries enough for all that is done to a task there.

A blow costs a task that it meets a try or two, and Airflow's scheduler fails a deferred task now and then all
by itself. The example DAGs have tries for one of these, not for six blows within minutes. What is tested is
that no try makes a second image and that the last one succeeds, not how many it takes.
"""

from __future__ import annotations

from typing import Any

__all__ = ["task_policy"]

RETRIES = 20


def task_policy(task: Any) -> None:
    """Let no task run out of tries."""
    task.retries = max(task.retries, RETRIES)
