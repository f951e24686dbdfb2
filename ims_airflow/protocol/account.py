"""One account in one region: knows what it still has to learn, and makes calls ready for the wire."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from ims_airflow.exceptions import AuthenticationError, CredentialExpiredError
from ims_airflow.protocol import iam
from ims_airflow.protocol.credentials import AccessKey, Delegation, EcsAgency, Identity, Password, Token
from ims_airflow.protocol.endpoints import Endpoints
from ims_airflow.protocol.message import Call, Flow, Request, Service
from ims_airflow.protocol.signing import SdkSigner, canonical_uri, encode_path, encode_query, sign_obs

RENEW_BEFORE = 300.0  # seconds before its end at which a credential counts as expired


class Account:
    """Credentials, endpoints and project of one Connection, together with what was learned about them.

    A driver asks :meth:`lacks` before each call, runs :meth:`learn` where something is missing (one at a
    time), sends what :meth:`request` returns, and shows refusals to :meth:`refused`.

    :param identity: who is asking.
    :param region: names the project where ``project_id`` is empty.
    """

    def __init__(
        self, identity: Identity, endpoints: Endpoints, *, region: str = "", project_id: str = ""
    ) -> None:
        self.endpoints = endpoints
        self.region = region
        self.project_id = project_id
        self.identity = identity
        self._base: AccessKey | Token | None = None  # of the identity that an agency trusts
        self._key = identity if isinstance(identity, AccessKey) else None
        self._token: Token | None = None
        self._refusal: AuthenticationError | None = None
        self._hosts: dict[tuple[Service, str], str] = {}
        self._signer: SdkSigner | None = None  # of the calls to IMS that have no headers of their own
        self.proven = False  # whether the credential was tried; :meth:`refused` knows how it fared

    def __repr__(self) -> str:
        return f"<Account {type(self.identity).__name__} in {self.region or self.endpoints.ims}>"

    def same_identity(self, other: Account) -> bool:
        """Whether another account would ask with the very same keys."""
        return self.identity == other.identity

    @property
    def credential(self) -> AccessKey | Token | None:
        """What requests are authorised with just now; compared by identity in :meth:`refused`."""
        return self._token or self._key

    def lacks(self, call: Call, now: float) -> bool:
        """Whether :meth:`learn` must run before this call can be made.

        :param now: epoch seconds.
        :raises AuthenticationError: this credential was refused before. It is not sent again: six refused
            signatures in a row lock an access key for five minutes (API Gateway error codes).
        """
        if not call.signed:
            return False
        if self._refusal is not None:
            raise self._refusal.with_traceback(None)  # else it would grow with each of those who meet it
        if call.service is Service.OBS:
            return _stale(self._key, now)
        if _stale(self.credential, now):
            return True
        return call.service is Service.IMS and not self.project_id

    def learn(self, call: Call, now: float) -> Flow[None]:
        """Obtain what this call lacks: token, temporary key, project id."""
        if isinstance(self.identity, Password):
            yield from self._learn_from_password(self.identity, call, now)
        elif isinstance(self.identity, EcsAgency) and _stale(self._key, now):
            self._key = yield from iam.obtain_agency_key()
        elif isinstance(self.identity, Delegation) and _stale(self._key, now):
            self._key = yield from self._assume(self.identity, now)
        if call.service is Service.IMS and not self.project_id:
            self.project_id = yield from iam.obtain_project_id(self.region)

    def _learn_from_password(self, who: Password, call: Call, now: float) -> Flow[None]:
        token = self._token
        if token is None or _stale(token, now):
            token = yield from iam.obtain_token(who, region=self.region, project_id=self.project_id)
            self._token = token
            self.project_id = self.project_id or token.project_id
        if call.service is Service.OBS and _stale(self._key, now):
            self._key = yield from iam.obtain_temporary_key(token)  # OBS takes no tokens

    def _assume(self, who: Delegation, now: float) -> Flow[AccessKey]:
        base = who.base if isinstance(who.base, AccessKey) else self._base
        if base is None or _stale(base, now):
            if isinstance(who.base, Password):  # to its own account: the project is the delegating account's
                base = yield from iam.obtain_token(who.base)
            elif isinstance(who.base, EcsAgency):
                base = yield from iam.obtain_agency_key()
            self._base = base
        try:
            return (yield from iam.assume_agency(who, base or AccessKey("", "")))
        except CredentialExpiredError as error:
            if isinstance(who.base, AccessKey):
                raise _ended(error) from error
            raise

    def refused(self, used: AccessKey | Token | None, error: AuthenticationError) -> bool:
        """Take note that the service refused a credential.

        :param used: the :attr:`credential` at the time of the call.
        :returns: whether asking again is worth it, because a fresh credential is or will be there.
        """
        if self.credential is not used:
            return True  # somebody else has renewed it in the meantime
        if isinstance(error, CredentialExpiredError) and not isinstance(self.identity, AccessKey):
            self._token = self._key = self._base = None
            return True
        self._refusal = error
        return False

    def request(self, call: Call, now: float) -> Request:
        """Make a call ready for the wire.

        :param now: epoch seconds, for the signature.
        """
        signer = self._signer
        if signer is not None and self._credential_of(call) is signer.key and _is_plain(call):
            url, uri = _address(self.endpoints.ims, call.path, self.project_id)
            return Request(call.method, url, signer.sign(call.method, uri, (), b"", now))
        path = encode_path(call.path.replace("{project_id}", self.project_id))
        if call.service is Service.OBS:
            path = f"/{path}"
        url = self.endpoints.url(call.service, path, call.bucket)
        headers = self._headers(call, path, now)
        if call.query:
            url += f"?{encode_query(call.query)}"
        return Request(call.method, url, headers, call.body)

    def _host(self, service: Service, bucket: str) -> str:
        """Return what Host says; there are few of them, and many requests."""
        key = (service, bucket)
        if key not in self._hosts:
            self._hosts[key] = urlsplit(self.endpoints.url(service, "/", bucket)).netloc
        return self._hosts[key]

    def _credential_of(self, call: Call) -> AccessKey | Token | None:
        return call.credential or (self.credential if call.signed else None)

    def _headers(self, call: Call, path: str, now: float) -> Mapping[str, str]:
        headers = {"Host": self._host(call.service, call.bucket), **call.headers}
        credential = self._credential_of(call)
        if not (call.signed or credential):
            return headers
        if call.service is Service.OBS:
            key = self._key or AccessKey("", "")
            return sign_obs(call.method, call.bucket, call.path, call.query, headers, key, now)
        if isinstance(credential, Token):
            return {**headers, "X-Auth-Token": credential.value}
        if call.service is Service.IMS:
            headers["X-Project-Id"] = self.project_id
        body = call.body if isinstance(call.body, bytes) else b""
        signer = SdkSigner(credential or AccessKey("", ""), headers)
        if self.project_id and _is_plain(call):
            self._signer = signer
        return signer.sign(call.method, canonical_uri(path), call.query, body, now)


def _is_plain(call: Call) -> bool:
    """Whether a call differs from others of its kind in the address alone, as polls do."""
    return call.service is Service.IMS and not (call.headers or call.body or call.query)


@lru_cache(maxsize=16_384)  # more jobs than a triggerer follows; each is asked about again and again
def _address(base: str, path: str, project_id: str) -> tuple[str, str]:
    """Return the URL of a call to IMS, and its path as the signature spells it."""
    path = encode_path(path.replace("{project_id}", project_id))
    return f"{base}{path}", canonical_uri(path)


def _ended(error: CredentialExpiredError) -> AuthenticationError:
    """Return the error of a key that nobody can renew."""
    return AuthenticationError(
        str(error.args[0]),
        status=error.status,
        code=error.code,
        request_id=error.request_id,
        remedy="Put a new temporary key into the Connection.",
    )


def _stale(credential: AccessKey | Token | None, now: float) -> bool:
    if credential is None:
        return True
    return credential.expires_at is not None and credential.expires_at - now < RENEW_BEFORE
