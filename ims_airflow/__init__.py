"""Bring disk images from OBS into Huawei Cloud IMS, from an Apache Airflow DAG."""

from __future__ import annotations

__version__ = "0.1.0"
