"""The only HTTP of this package: two thin drivers that run the flows of :mod:`ims_airflow.protocol`."""

from __future__ import annotations
