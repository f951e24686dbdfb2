"""What ``.output`` of a task is to a type checker: a reference now, the value once the next task runs.

Airflow types ``.output`` as ``XComArg`` and checks the arguments of ``@task`` functions against the value, so
that without this every hand-over would be an error. At run time there is nothing but Airflow's ``XComArg``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from airflow.sdk import XComArg

    class MappingOutput(dict[str, Any], XComArg):
        """A reference to a mapping, such as the finished image or the report of a file."""

    class ListOutput(list[dict[str, Any]], XComArg):
        """A reference to one mapping per mapped task, to be given to ``expand`` or to a task as a whole."""
