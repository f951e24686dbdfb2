"""All checks of one Connection, in the order in which a person wants to read them."""

from __future__ import annotations

from collections.abc import Callable

from ims_airflow.doctor.asking import Asker
from ims_airflow.doctor.check import Check
from ims_airflow.doctor.reach import reach
from ims_airflow.doctor.rights import examine_rights
from ims_airflow.doctor.standing import clock_check, connection_check, tls_check
from ims_airflow.protocol.account import Account
from ims_airflow.protocol.message import Flow, Service


def examine(account: Account, *, verify: bool | str, clock: Callable[[], float]) -> Flow[list[Check]]:
    """Find out what works. Nothing is created or changed, and wrong keys are sent once.

    :param account: belongs to this examination alone.
    :param verify: as in the Connection: whether and how TLS certificates are verified.
    :param clock: returns epoch seconds.
    """
    found = [connection_check(account), tls_check(account.endpoints, verify)]
    ims = yield from reach(Service.IMS, account, clock)
    iam = yield from reach(Service.IAM, account, clock)
    obs = yield from reach(Service.OBS, account, clock)
    reaches = (ims, iam, obs)
    found += [one.check for one in reaches]
    found.append(clock_check(one.offset for one in reaches))
    asker = Asker(account, {one.service for one in reaches if one.reached}, clock)
    return [*found, *(yield from examine_rights(asker))]
