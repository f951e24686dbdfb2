"""From an Airflow Connection to an account: which field means what, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ims_airflow.client.options import HttpOptions
from ims_airflow.protocol.account import Account
from ims_airflow.protocol.credentials import (
    DEFAULT_DURATION,
    AccessKey,
    Delegation,
    EcsAgency,
    Identity,
    OwnIdentity,
    Password,
)
from ims_airflow.protocol.endpoints import Endpoints, endpoints_for, is_url
from ims_airflow.protocol.running_rules import is_region
from ims_airflow.protocol.validation import Violation, raise_for

SOURCE = "README, Connection"
DEFAULTS = HttpOptions()
DURATION = (900, 86_400)  # seconds that the key of an agency may live (IAM, "Temporary Access Key")
FIELDS = frozenset(
    "region project_id auth domain_name security_token agency_name agency_domain_name agency_domain_id "
    "agency_duration_seconds ims_endpoint obs_endpoint iam_endpoint metadata_endpoint obs_addressing verify "
    "connect_timeout read_timeout max_requests_in_flight max_requests_per_second".split()
)
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})


class ConnectionLike(Protocol):
    """What is read of an Airflow Connection."""

    conn_id: str
    login: str | None
    password: str | None
    extra: str | None


@dataclass(frozen=True, slots=True)
class Profile:
    """A Connection, read and checked.

    :param project_id: empty when it is to be looked up by region.
    :param unknown: names in the extra that mean nothing here; perhaps they are misspelt.
    """

    identity: Identity
    endpoints: Endpoints
    region: str
    project_id: str
    options: HttpOptions
    unknown: tuple[str, ...] = ()

    def account(self) -> Account:
        """Return a new account that has learned nothing yet."""
        return Account(self.identity, self.endpoints, region=self.region, project_id=self.project_id)


def read_connection(connection: ConnectionLike, region: str | None = None) -> Profile:
    """Read a Connection.

    :param region: overrides the Connection's.
    :raises InvalidInputError: naming every field that is wrong.
    """
    return _Reader(connection, region).profile()


class _Reader:
    """Collects what is wrong while it reads, so that one error tells everything."""

    def __init__(self, connection: ConnectionLike, region: str | None) -> None:
        self._connection = connection
        self._violations: list[Violation] = []
        self._extra = self._read_extra()
        self._region = self._read_region(region)

    def profile(self) -> Profile:
        identity = self._delegated(self._identity())
        endpoints = self._endpoints()
        project_id = self._text("project_id")
        if not self._region and not (project_id and self._text("ims_endpoint")):
            self._wrong(
                "extra.region", self._region, "is needed: the region of the images, such as cn-north-4"
            )
        options = HttpOptions(
            verify=self._verify(),
            connect_timeout=self._seconds("connect_timeout", DEFAULTS.connect_timeout),
            read_timeout=self._seconds("read_timeout", DEFAULTS.read_timeout),
            max_requests_in_flight=int(self._limit("max_requests_in_flight", whole=True)),
            max_requests_per_second=self._limit("max_requests_per_second"),
        )
        raise_for(f"Connection {self._connection.conn_id!r}", self._violations)
        unknown = tuple(sorted(self._extra.keys() - FIELDS))
        return Profile(identity, endpoints, self._region, project_id, options, unknown)

    def _wrong(self, field: str, value: object, rule: str) -> None:
        self._violations.append(Violation(field, value, rule, SOURCE))

    def _read_extra(self) -> Mapping[str, Any]:
        try:
            extra = json.loads(self._connection.extra or "{}")
        except ValueError:
            extra = None
        if isinstance(extra, dict):
            return extra
        self._wrong("extra", "(not shown)", "must be a JSON object")
        return {}

    def _text(self, name: str) -> str:
        value = self._extra.get(name)
        if value is None or isinstance(value, str):
            return (value or "").strip()
        self._wrong(f"extra.{name}", f"a {type(value).__name__}", "must be a text")
        return ""

    def _read_region(self, given: str | None) -> str:
        field, region = ("region", given) if given else ("extra.region", self._text("region"))
        if region and not is_region(region):
            self._wrong(field, region, "must be the name of a region, such as cn-north-4")
        return region

    def _delegated(self, own: OwnIdentity) -> Identity:
        agency = self._text("agency_name")
        name, number = self._text("agency_domain_name"), self._text("agency_domain_id")
        if not agency:
            for field, value in (("agency_domain_name", name), ("agency_domain_id", number)):
                if value:
                    self._wrong(f"extra.{field}", value, "goes with agency_name, which is empty")
            return own
        if not (name or number):
            rule = "is needed for agency_name: the account that delegates (or agency_domain_id)"
            self._wrong("extra.agency_domain_name", name, rule)
        return Delegation(own, agency, name, number, self._duration())

    def _duration(self) -> int:
        value = self._extra.get("agency_duration_seconds")
        if value is None or value == "":
            return DEFAULT_DURATION
        try:
            seconds = int(value)
        except (TypeError, ValueError):
            seconds = -1
        if isinstance(value, bool) or not DURATION[0] <= seconds <= DURATION[1]:
            least, most = DURATION
            rule = f"must be a whole number of seconds from {least} to {most}"
            self._wrong("extra.agency_duration_seconds", value, rule)
        return seconds

    def _identity(self) -> OwnIdentity:
        kinds: dict[str, Callable[[], OwnIdentity]] = {
            "aksk": self._access_key,
            "password": self._password,
            "metadata": EcsAgency,
        }
        auth = self._text("auth") or "aksk"
        if auth not in kinds:
            self._wrong("extra.auth", auth, f"must be one of {', '.join(kinds)}")
            return EcsAgency()
        return kinds[auth]()

    def _access_key(self) -> AccessKey:
        ak, sk = self._login("the access key (AK)"), self._password_field("the secret key (SK)")
        if not _is_plain(ak):
            self._wrong("login", "(not shown)", "must be an access key: printable ASCII without spaces")
        token = self._text("security_token")
        if not _is_plain(token):
            self._wrong("extra.security_token", "(not shown)", "must be printable ASCII without line breaks")
        return AccessKey(ak, sk, token)

    def _password(self) -> Password:
        domain = self._text("domain_name")
        if not domain:
            self._wrong(
                "extra.domain_name", domain, "is needed for auth=password: the IAM user's account name"
            )
        return Password(
            domain, self._login("the IAM user's name"), self._password_field("the user's password")
        )

    def _login(self, what: str) -> str:
        value = (self._connection.login or "").strip()
        if not value:
            self._wrong("login", value, f"is needed: {what}")
        return value

    def _password_field(self, what: str) -> str:
        value = (self._connection.password or "").strip()
        if not value:
            self._wrong("password", value, f"is needed: {what}")
        return value

    def _endpoints(self) -> Endpoints:
        urls = {name: self._url(f"{name}_endpoint") for name in ("ims", "iam", "obs", "metadata")}
        addressing = self._text("obs_addressing") or "virtual"
        if addressing not in {"virtual", "path"}:
            self._wrong("extra.obs_addressing", addressing, "must be virtual or path")
        return endpoints_for(self._region, **urls, obs_path_style=addressing == "path")

    def _url(self, name: str) -> str:
        value = self._text(name)
        if value and not is_url(value):
            self._wrong(f"extra.{name}", value, "must be a full URL without a path, such as https://host")
        return value

    def _verify(self) -> bool | str:
        value = self._extra.get("verify", True)
        if isinstance(value, bool):
            return value
        text = str(value).strip()
        if text.lower() in _TRUE or not text or value is None:
            return True
        if text.lower() in _FALSE:
            return False
        if not Path(text).exists():
            self._wrong("extra.verify", text, "must be true, false or the path of a CA bundle that exists")
        return text

    def _seconds(self, name: str, default: float) -> float:
        value = self._extra.get(name)
        if value is None or value == "":
            return default
        try:
            seconds = float(value)
        except (TypeError, ValueError):
            seconds = -1.0
        if isinstance(value, bool) or not 0 < seconds <= 3600:
            self._wrong(f"extra.{name}", value, "must be a number of seconds, above 0 and at most 3600")
            return default
        return seconds

    def _limit(self, name: str, *, whole: bool = False) -> float:
        value, default = self._extra.get(name), float(getattr(DEFAULTS, name))
        if value is None or value == "":
            return default
        try:
            limit = float(value)
        except (TypeError, ValueError):
            limit = -1.0
        if isinstance(value, bool) or not 0 < limit <= 1000 or (whole and not limit.is_integer()):
            kind = "whole number" if whole else "number"
            self._wrong(f"extra.{name}", value, f"must be a {kind} above 0 and at most 1000")
            return default
        return limit


def _is_plain(text: str) -> bool:
    """Whether a text can stand in a header as it is."""
    return all("!" <= letter <= "~" for letter in text)
