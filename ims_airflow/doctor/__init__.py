"""What works with a Connection and what does not: one list of checks for Airflow's button and the command."""

from __future__ import annotations
