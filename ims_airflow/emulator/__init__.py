"""A local Huawei Cloud: IMS, IAM, OBS and ECS metadata on one port, with faults to order."""

from __future__ import annotations

from ims_airflow.emulator.connection import connection
from ims_airflow.emulator.server import EmulatorServer, serve
from ims_airflow.emulator.settings import Settings

__all__ = ["EmulatorServer", "Settings", "connection", "serve"]
