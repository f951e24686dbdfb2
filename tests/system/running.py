from __future__ import annotations

from dataclasses import dataclass

from ims_airflow.demo.cloud import DemoCloud
from ims_airflow.demo.stack import AirflowStack


@dataclass(frozen=True)
class System:
    """A real Airflow with the example DAGs, and the emulated cloud that its Connection leads to."""

    stack: AirflowStack
    cloud: DemoCloud
