"""IAM: tokens, temporary keys, projects. Source: IAM API reference, one page per call."""

from __future__ import annotations

import hashlib
from typing import Any

from ims_airflow.emulator import gateway, refusals
from ims_airflow.emulator.clock import to_the_microsecond
from ims_airflow.emulator.keys import KeyRing
from ims_airflow.emulator.wire import Ask, Refused, Reply, json_reply
from ims_airflow.emulator.world import World
from ims_airflow.protocol.credentials import AccessKey, Token

SHORTEST_KEY, LONGEST_KEY = 900, 86_400  # seconds that a temporary key may be asked to live


class Iam:
    """The identity service of the emulated account."""

    def __init__(self, world: World, ring: KeyRing) -> None:
        self._world = world
        self._ring = ring

    def answer(self, ask: Ask) -> Reply:
        """Answer a request.

        :raises Refused: it is not granted.
        """
        handlers = {
            ("POST", "/v3/auth/tokens"): self._create_token,
            ("GET", "/v3/auth/tokens"): self._show_token,
            ("GET", "/v3/projects"): self._list_projects,
            ("GET", "/v3/auth/projects"): self._list_projects,
            ("GET", "/v3/auth/domains"): self._list_domains,
            ("POST", "/v3.0/OS-CREDENTIAL/securitytokens"): self._create_temporary_key,
            ("GET", "/v5/caller-identity"): self._show_caller,
        }
        handler = handlers.get((ask.method, ask.path))
        if handler is None:
            raise refusals.gateway(404, "APIGW.0101")
        reply = handler(ask)
        trace = hashlib.md5(f"{self._world.clock.now()}".encode(), usedforsecurity=False).hexdigest()
        return Reply(reply.status, {**reply.headers, "X-IAM-Trace-Id": f"token_{trace}"}, reply.body)

    def _create_token(self, ask: Ask) -> Reply:
        auth = _auth(ask)
        user = _walk(auth, "identity", "password", "user")
        given = (user.get("name"), user.get("password"), _walk(user, "domain").get("name"))
        settings = self._world.settings
        if _walk(auth, "identity").get("methods") != ["password"] or not all(given):
            raise _malformed()
        if given != (settings.user_name, settings.password, settings.domain_name):
            raise refusals.iam(401, "The username or password is wrong.", "Unauthorized")
        project_id = self._scope(_walk(auth, "scope"))
        token = self._ring.issue_token(settings.token_seconds, project_id)
        payload = self._token_payload(token, with_catalog=ask.args.get("nocatalog") != "true")
        return json_reply(payload, 201, {"X-Subject-Token": token.value})

    def _scope(self, scope: dict[str, Any]) -> str:
        project = _walk(scope, "project")
        if not project:
            return ""  # scoped to the account: no good for IMS
        if self._world.settings.project_id == project.get("id") or self._world.settings.region == project.get(
            "name"
        ):
            return self._world.settings.project_id
        raise refusals.iam(401, "The project in scope is invalid.", "Unauthorized")

    def _show_token(self, ask: Ask) -> Reply:
        self._let_in(ask)
        token = self._ring.find_token(ask.header("x-subject-token"))
        if token is None or self._ring.expired(token):
            raise refusals.iam(404, "X-Subject-Token is invalid in the request", "Not Found")
        return json_reply(
            self._token_payload(token, with_catalog=False), 200, {"X-Subject-Token": token.value}
        )

    def _create_temporary_key(self, ask: Ask) -> Reply:
        identity = _walk(_auth(ask), "identity")
        methods = identity.get("methods")
        if methods == ["token"]:
            asked = _walk(identity, "token")
            self._let_in(ask, token=str(asked.get("id") or ""))
            key = self._ring.issue_key(_duration(asked))
        elif methods == ["assume_role"]:
            asked = _walk(identity, "assume_role")
            self._let_in(ask)
            self._check_agency(asked)
            key = self._ring.issue_key(_duration(asked), assumed=True)
        else:
            raise _malformed()
        return json_reply({"credential": key_payload(key)}, 201)

    def _check_agency(self, asked: dict[str, Any]) -> None:
        settings = self._world.settings
        if not asked.get("agency_name"):
            raise _malformed()
        if not settings.agency_name:
            return
        account = {"domain_name": settings.agency_domain_name, "domain_id": settings.agency_domain_id}
        if not account.keys() & asked.keys():
            raise _malformed()  # one of the two is mandatory
        given = {name: asked[name] for name in account if name in asked}
        if asked["agency_name"] != settings.agency_name or not given.items() <= account.items():
            raise refusals.iam(403, "You are not authorized to perform the requested action.", "Forbidden")

    def _list_projects(self, ask: Ask) -> Reply:
        own = self._let_in(ask)
        wanted = ask.args.get("name")
        rows = [self._project(own, number) for number in range(self._world.settings.projects_found)]
        rows = rows if wanted in {None, self._world.settings.region} else []
        return json_reply({"projects": rows, "links": {"self": "", "next": None, "previous": None}})

    def _project(self, own: str, number: int) -> dict[str, Any]:
        settings = self._world.settings
        # Further rows only serve to make the look-up ambiguous; nothing else knows their ids.
        project_id = f"{number:032x}" if number else own
        return {
            "id": project_id,
            "name": settings.region,
            "domain_id": settings.domain_id,
            "parent_id": settings.domain_id,
            "enabled": True,
            "is_domain": False,
            "description": "",
            "links": {"self": f"https://iam.myhuaweicloud.com/v3/projects/{project_id}"},
        }

    def _list_domains(self, ask: Ask) -> Reply:
        self._let_in(ask)
        row = {
            "id": self._world.settings.domain_id,
            "name": self._world.settings.domain_name,
            "enabled": True,
        }
        return json_reply({"domains": [row], "links": {"self": "", "next": None, "previous": None}})

    def _show_caller(self, ask: Ask) -> Reply:
        self._let_in(ask)
        return json_reply(
            {"account_id": self._world.settings.domain_id, "principal_id": "user", "principal_urn": ""}
        )

    def _let_in(self, ask: Ask, token: str = "") -> str:
        """Check who is asking, and return the project of the caller's account."""
        value = token or ask.header("x-auth-token")
        if not value:
            return gateway.let_in(ask, self._ring).project_id
        found = self._ring.find_token(value)
        if found is None or self._ring.expired(found):
            raise refusals.iam(401, "The request you have made requires authentication.", "Unauthorized")
        return self._world.settings.project_id

    def _token_payload(self, token: Token, *, with_catalog: bool) -> dict[str, Any]:
        settings = self._world.settings
        domain = {"id": settings.domain_id, "name": settings.domain_name}
        payload: dict[str, Any] = {
            "expires_at": to_the_microsecond(token.expires_at or 0),
            "issued_at": to_the_microsecond(self._world.clock.now()),
            "methods": ["password"],
            "user": {"id": "user", "name": settings.user_name, "password_expires_at": "", "domain": domain},
            "roles": [{"id": "0", "name": "te_admin"}],
        }
        if token.project_id:
            payload["project"] = {"id": token.project_id, "name": settings.region, "domain": domain}
        if with_catalog:
            payload["catalog"] = [{"type": "image", "id": "image", "name": "glance", "endpoints": []}]
        return {"token": payload}


def key_payload(key: AccessKey) -> dict[str, str]:
    """Spell a temporary key as IAM and the metadata service do."""
    return {
        "access": key.ak,
        "secret": key.sk,
        "securitytoken": key.security_token,
        "expires_at": to_the_microsecond(key.expires_at or 0),
    }


def _auth(ask: Ask) -> dict[str, Any]:
    try:
        body = ask.json()
    except ValueError:
        raise _malformed() from None
    return _walk(body if isinstance(body, dict) else {}, "auth")


def _duration(asked: dict[str, Any]) -> int:
    seconds = asked.get("duration_seconds", SHORTEST_KEY)
    if not isinstance(seconds, int) or not SHORTEST_KEY <= seconds <= LONGEST_KEY:
        raise _malformed()
    return seconds


def _walk(payload: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        inner = payload.get(name)
        payload = inner if isinstance(inner, dict) else {}
    return payload


def _malformed() -> Refused:
    return refusals.iam(400, "The request body is invalid", "Bad Request")
