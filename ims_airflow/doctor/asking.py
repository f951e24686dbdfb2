"""Asking with the Connection's keys: each question once, and none any more after a refusal.

Six refused signatures in a row lock an access key for five minutes, and whoever looks for what is wrong is
the last who should do that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeGuard, TypeVar

from ims_airflow.doctor.check import Check, failed, ok, skipped, words
from ims_airflow.doctor.standing import described
from ims_airflow.exceptions import (
    AccessDeniedError,
    AgencyRefusedError,
    ApiError,
    AuthenticationError,
    ImsAirflowError,
)
from ims_airflow.protocol.account import Account
from ims_airflow.protocol.credentials import Delegation, Password
from ims_airflow.protocol.message import Call, Flow, Service

T = TypeVar("T")
_ANY = Call(Service.IAM, "GET", "/v3/projects")  # needs a credential and nothing else


@dataclass(frozen=True, slots=True)
class NotAsked:
    """Stands for the answer to a question that was not put.

    :param reason: the end of a sentence.
    """

    reason: str


def is_denied(answer: object) -> TypeGuard[ApiError]:
    """Whether an answer says that the keys are right and a permission is missing."""
    # Some codes that IMS sends with 403 have a class of their own.
    return isinstance(answer, ApiError) and (isinstance(answer, AccessDeniedError) or answer.status == 403)


class Asker:
    """Puts signed questions, and knows how the keys fared.

    :param reached: the services that answer at all.
    :param clock: returns epoch seconds.
    """

    def __init__(self, account: Account, reached: Collection[Service], clock: Callable[[], float]) -> None:
        self.account = account
        self._reached = reached
        self._clock = clock
        self._barred = ""  # why nothing more is asked
        self._trouble = ""  # what is wrong with the keys
        self._accepted: dict[Service, None] = {}
        self._agency: Check | None = None

    def prepare(self) -> Flow[None]:
        """Obtain what the identity is exchanged for: a token, a temporary key, the key of an agency."""
        who = self.account.identity
        if isinstance(who, Password | Delegation) and Service.IAM not in self._reached:
            self._barred = "IAM does not answer, and without it there are no keys"
            return
        try:
            if self.account.lacks(_ANY, self._clock()):
                yield from self.account.learn(_ANY, self._clock())
        except AgencyRefusedError as error:
            self._accepted[Service.IAM] = None
            self._barred = "the agency is refused"
            self._agency = failed("agency", words(error))
        except AuthenticationError as error:
            self._barred, self._trouble = "the keys are refused", f"It is refused: {words(error)}"
        except ImsAirflowError as error:
            self._barred, self._trouble = "there are no keys", f"No key was obtained for it: {error}"
        else:
            if isinstance(who, Delegation):
                self._agency = ok("agency", f"IAM hands out keys of the agency {who.agency_name!r}.")

    def ask(self, service: Service, question: Flow[T]) -> Flow[T | ImsAirflowError | NotAsked]:
        """Put a question and return its answer, its error, or why it was not put."""
        if service not in self._reached:
            return NotAsked(f"{service.upper()} does not answer")
        if self._barred:
            return NotAsked(self._barred)
        if service is Service.IMS and not self.account.project_id:
            return NotAsked("the project is not known")
        try:
            answer = yield from question
        except AuthenticationError as error:
            self._barred = "the keys are refused"
            self._trouble = f"{service.upper()} refuses it: {words(error)}"
            return NotAsked(self._barred)
        except ImsAirflowError as error:
            if is_denied(error):
                self._accepted[service] = None
            return error
        self._accepted[service] = None
        return answer

    def checks(self) -> list[Check]:
        """Say how the keys fared."""
        return [self._keys(), *([self._agency] if self._agency else [])]

    def _keys(self) -> Check:
        identity = self.account.identity
        if isinstance(identity, Delegation) and self._agency and self._agency.status == "failed":
            identity = identity.base
        who = described(identity)
        if self._trouble:
            return failed("keys", f"The Connection's identity is {who}. {self._trouble}")
        if not self._accepted:
            return skipped("keys", f"The keys were not tried: {self._barred or 'no service answers'}.")
        return ok("keys", f"The keys are accepted by {_listed(self._accepted)}: {who}.")


def _listed(services: Collection[Service]) -> str:
    *first, last = (service.upper() for service in services)
    return f"{', '.join(first)} and {last}" if first else last
