"""Keeping the image list tidy: deletion, retention of what a DAG made, a sweep for what its runs left."""

from __future__ import annotations

from ims_airflow.operators.delete_image import ImsDeleteImageOperator
from ims_airflow.operators.retention import ImsRetentionOperator
from ims_airflow.operators.sweep import ImsSweepOperator

__all__ = ["ImsDeleteImageOperator", "ImsRetentionOperator", "ImsSweepOperator"]
