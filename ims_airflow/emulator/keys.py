"""The credentials that the emulated cloud knows: access keys, temporary keys and tokens."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from ims_airflow.emulator.world import World
from ims_airflow.protocol.credentials import AccessKey, Token

# "More than 5 consecutive failed signatures lock the access key for 5 minutes" (API Gateway, error codes).
MOST_BAD_SIGNATURES = 5
LOCK_SECONDS = 300.0


@dataclass(slots=True)
class _Record:
    bad: int = 0
    locked_until: float = 0.0


@dataclass(slots=True)
class KeyRing:
    """Knows which credentials are good at the emulator's time.

    :param world: its settings hold the permanent key.
    """

    world: World
    _temporary: dict[str, AccessKey] = field(default_factory=dict, repr=False)
    _tokens: dict[str, Token] = field(default_factory=dict, repr=False)
    _assumed: set[str] = field(default_factory=set, repr=False)
    _records: dict[tuple[str, str], _Record] = field(default_factory=dict, repr=False)

    def find(self, ak: str) -> AccessKey | None:
        """Return the key of an id, also when it has expired."""
        if ak == self.world.settings.ak:
            return None if self.world.settings.ak_disabled else AccessKey(ak, self.world.settings.sk)
        return self._temporary.get(ak)

    def find_token(self, value: str) -> Token | None:
        """Return the token of a value, also when it has expired."""
        return self._tokens.get(value)

    def expired(self, credential: AccessKey | Token) -> bool:
        """Whether a credential has run out."""
        return credential.expires_at is not None and credential.expires_at <= self.world.clock.now()

    def project_of(self, ak: str) -> str:
        """Return the project of the account that a key belongs to, which is another's for an agency's."""
        settings = self.world.settings
        return (ak in self._assumed and settings.agency_project_id) or settings.project_id

    def issue_key(self, seconds: float, *, assumed: bool = False) -> AccessKey:
        """Make a temporary access key.

        :param assumed: whether it is that of an agency of another account.
        """
        key = AccessKey(
            f"TMP{secrets.token_hex(9).upper()}",
            secrets.token_hex(20),
            f"temporary-{secrets.token_urlsafe(48)}",
            self.world.clock.now() + seconds,
        )
        self._temporary[key.ak] = key
        if assumed:
            self._assumed.add(key.ak)
        return key

    def issue_token(self, seconds: float, project_id: str) -> Token:
        """Make a token. Those of the cloud are several KB long, so these are too."""
        token = Token(f"MII{secrets.token_urlsafe(2100)}", self.world.clock.now() + seconds, project_id)
        self._tokens[token.value] = token
        return token

    def locked(self, realm: str, ak: str) -> bool:
        """Whether too many bad signatures have locked a key.

        :param realm: who counts, the gateway or OBS.
        """
        record = self._records.get((realm, ak))
        return record is not None and record.locked_until > self.world.clock.now()

    def count_signature(self, realm: str, ak: str, *, good: bool) -> None:
        """Take note of a signature; a good one ends a series of bad ones."""
        record = self._records.setdefault((realm, ak), _Record())
        record.bad = 0 if good else record.bad + 1
        if record.bad > MOST_BAD_SIGNATURES:
            record.locked_until = self.world.clock.now() + LOCK_SECONDS
            record.bad = 0
