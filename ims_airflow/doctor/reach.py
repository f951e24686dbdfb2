"""Whether the services answer at all, and what time it is there. Nothing here sends a credential."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from ims_airflow.doctor.check import Check, failed, ok, warning, words
from ims_airflow.exceptions import ApiError, ImsAirflowError, ServiceError, TransportError
from ims_airflow.protocol.account import Account
from ims_airflow.protocol.message import Call, Flow, Service

# Any answer will do, and a refusal is what an unsigned question deserves.
_QUESTIONS = {
    Service.IMS: Call(Service.IMS, "GET", "/v2/cloudimages", signed=False, attempts=1),
    Service.IAM: Call(Service.IAM, "GET", "/v3/projects", signed=False, attempts=1),
    Service.OBS: Call(Service.OBS, "GET", "", signed=False, attempts=1),
}


@dataclass(frozen=True, slots=True)
class Reach:
    """How a service was reached.

    :param offset: seconds that its clock is ahead of this machine's, None when it did not tell.
    """

    service: Service
    check: Check
    reached: bool
    offset: float | None = None


def reach(service: Service, account: Account, clock: Callable[[], float]) -> Flow[Reach]:
    """Ask a service, unsigned, whether it is there.

    :param clock: returns epoch seconds.
    """
    name, where = service.upper(), account.endpoints.url(service, "")
    before = clock()
    try:
        response = yield _QUESTIONS[service]
    except ServiceError as error:
        check = warning(service, f"{name} at {where} is in trouble: {words(error)}")
        return Reach(service, check, reached=True, offset=offset(error.date, before, clock()))
    except ApiError as error:
        date = error.date
    except ImsAirflowError as error:
        lines = [f"{name} does not answer at {where}: {words(error)}"]
        if isinstance(error, TransportError):
            lines.append(f"Check region and {service}_endpoint of the Connection, proxy and firewall.")
        return Reach(service, failed(service, " ".join(lines)), reached=False)
    else:
        date = response.headers.get("date", "")
    check = ok(service, f"{name} answers at {where}.")
    return Reach(service, check, reached=True, offset=offset(date, before, clock()))


def offset(date: str, before: float, after: float) -> float | None:
    """Return how many seconds a service's clock is ahead, None when nobody can tell.

    :param date: the header ``Date``, which tells whole seconds.
    :param before: epoch seconds before the question.
    :param after: epoch seconds after the answer.
    """
    try:
        moment = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
    if before - 1 <= moment <= after:
        return 0.0
    return moment - after if moment > after else moment - before
