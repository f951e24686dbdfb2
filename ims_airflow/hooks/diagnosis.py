"""From a Connection to the list of checks: what the UI's button and ``ims-airflow doctor`` have in common."""

from __future__ import annotations

from dataclasses import replace

from ims_airflow.client.options import HttpOptions
from ims_airflow.doctor.check import Check
from ims_airflow.doctor.examination import examine
from ims_airflow.doctor.standing import extra_checks
from ims_airflow.hooks.connection import FIELDS, Profile


def diagnose(profile: Profile) -> list[Check]:
    """Check a Connection that could be read."""
    from ims_airflow.client.sync import Client  # noqa: PLC0415  # parsing a DAG needs no HTTP library

    with Client(profile.account(), _impatient(profile.options)) as client:
        checks = examine(client.account, verify=profile.options.verify, clock=client.clock)
        return [*extra_checks(profile.unknown, FIELDS), *client.run(checks)]


def _impatient(options: HttpOptions) -> HttpOptions:
    """Return the options for somebody who sits and waits."""
    return replace(
        options,
        connect_timeout=min(options.connect_timeout, 5.0),
        read_timeout=min(options.read_timeout, 10.0),
    )
