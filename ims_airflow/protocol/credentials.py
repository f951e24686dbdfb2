"""Who is asking: the identities that a Connection can hold and what they are exchanged for.

Nothing in this file prints a secret: every ``repr`` leaves them out.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key, permanent or temporary.

    :param ak: access key id.
    :param sk: secret key.
    :param security_token: goes with a temporary key, else empty.
    :param expires_at: epoch seconds, None for a permanent key or where nobody told.
    """

    ak: str = field(repr=False)
    sk: str = field(repr=False)
    security_token: str = field(default="", repr=False)
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """An IAM token, project-scoped.

    :param value: what ``X-Auth-Token`` carries.
    :param expires_at: epoch seconds.
    :param project_id: the project that it is scoped to, or empty.
    """

    value: str = field(repr=False)
    expires_at: float | None = None
    project_id: str = ""


@dataclass(frozen=True, slots=True)
class Password:
    """An IAM user that is exchanged for a :class:`Token`.

    :param domain_name: the account that the user belongs to.
    """

    domain_name: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EcsAgency:
    """The agency of the ECS that this process runs on, exchanged for a temporary :class:`AccessKey`."""


OwnIdentity = AccessKey | Password | EcsAgency
DEFAULT_DURATION = 3600


@dataclass(frozen=True, slots=True)
class Delegation:
    """An agency of another account, exchanged for a temporary :class:`AccessKey` of that account.

    IAM wants ``domain_name`` or ``domain_id``, both of the delegating account.

    :param base: the identity of one's own that the agency trusts.
    :param duration_seconds: life of the temporary key, 900 to 86400.
    """

    base: OwnIdentity
    agency_name: str
    domain_name: str = ""
    domain_id: str = ""
    duration_seconds: int = DEFAULT_DURATION

    @property
    def account(self) -> str:
        """The delegating account, as messages name it."""
        return self.domain_name or self.domain_id


Identity = OwnIdentity | Delegation
