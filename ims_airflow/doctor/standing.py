"""What can be told without asking for anything: how the services are addressed, and the time there."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from ims_airflow.doctor.check import Check, failed, ok, skipped, warning
from ims_airflow.protocol.account import Account
from ims_airflow.protocol.credentials import AccessKey, Delegation, EcsAgency, Identity, Password
from ims_airflow.protocol.endpoints import Endpoints

LARGEST_OFFSET = 900.0  # seconds, of X-Sdk-Date and Date (API signing guide; OBS, "RequestTimeTooSkewed")
NOTABLE_OFFSET = 60.0


def described(identity: Identity) -> str:
    """Name an identity without showing a key."""
    if isinstance(identity, Delegation):
        own = described(identity.base)
        return f"the agency {identity.agency_name!r} of {identity.account!r}, on top of {own}"
    if isinstance(identity, Password):
        return f"the IAM user {identity.user!r} of {identity.domain_name!r}"
    if isinstance(identity, EcsAgency):
        return "the agency of this ECS"
    return (
        "a temporary access key"
        if isinstance(identity, AccessKey) and identity.security_token
        else "an access key"
    )


def connection_check(account: Account) -> Check:
    """Say what the Connection amounts to."""
    project = f"project {account.project_id}" if account.project_id else "the project is looked up"
    region = f"region {account.region}" if account.region else "no region"
    return ok(
        "connection", f"The Connection is complete: {described(account.identity)}, {region}, {project}."
    )


def extra_checks(unknown: Iterable[str], known: Iterable[str]) -> list[Check]:
    """Warn of names in the Connection's extra that mean nothing, with the one that may be meant.

    :param unknown: the names. Their values are not looked at.
    :param known: the names that mean something.
    """
    return [
        warning(f"extra.{name}", f"extra.{name} is no field{_meant(name, sorted(known))}; it is ignored.")
        for name in unknown
    ]


def _meant(name: str, known: list[str]) -> str:
    close = get_close_matches(name.lower(), known, n=1)
    return f", perhaps {close[0]} is meant" if close else ""


def tls_check(endpoints: Endpoints, verify: bool | str) -> Check:
    """Say whether anybody on the way can read or change what is sent.

    :param verify: as in the Connection.
    """
    urls = {"IMS": endpoints.ims, "IAM": endpoints.iam, "OBS": endpoints.obs}
    plain = [name for name, url in urls.items() if not url.startswith("https:")]
    if plain:
        return warning(
            "tls", f"{', '.join(plain)}: plain HTTP, good for the emulator only. Use https endpoints."
        )
    if verify is False:
        return warning("tls", "TLS certificates are not verified. Set verify to true or to a CA bundle.")
    whose = f"the CA bundle {verify}" if isinstance(verify, str) else "the usual authorities"
    return ok("tls", f"TLS is used everywhere and verified against {whose}.")


def clock_check(offsets: Iterable[float | None]) -> Check:
    """Compare this machine's clock with those of the services.

    :param offsets: seconds that each service's clock is ahead, None where it did not tell.
    """
    known = [one for one in offsets if one is not None]
    if not known:
        return skipped("clock", "The clock was not compared: no service told its time.")
    worst = max(known, key=abs)
    way = "behind" if worst > 0 else "ahead of"
    told = f"This machine's clock is {abs(worst):.0f} s {way} the services'"
    if abs(worst) > LARGEST_OFFSET:
        return failed(
            "clock",
            f"{told}, and signatures more than {LARGEST_OFFSET:.0f} s off are refused. Set it, best by NTP.",
        )
    if abs(worst) > NOTABLE_OFFSET:
        return warning(
            "clock", f"{told}. Set it before it is {LARGEST_OFFSET:.0f} s: then signatures are refused."
        )
    return ok("clock", f"This machine's clock agrees with the services' ({abs(worst):.0f} s apart).")
