"""Where the services live. Sources: the vendor's "Regions and Endpoints" page and its Terraform provider."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from ims_airflow.protocol.message import Service


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Base addresses of the services, full URLs without a trailing slash.

    :param obs_path_style: address a bucket as ``endpoint/bucket`` instead of ``bucket.endpoint``.
    """

    ims: str
    iam: str
    obs: str
    metadata: str = "http://169.254.169.254"
    obs_path_style: bool = False

    def url(self, service: Service, path: str, bucket: str = "") -> str:
        """Return the address of a percent-encoded path."""
        base = getattr(self, service)
        if not bucket:
            return f"{base}{path}"
        if self.obs_path_style:
            return f"{base}/{bucket}{path}"
        scheme, _, rest = base.partition("://")
        return f"{scheme}://{bucket}.{rest}{path}"


def endpoints_for(
    region: str,
    *,
    ims: str = "",
    iam: str = "",
    obs: str = "",
    metadata: str = "",
    obs_path_style: bool = False,
) -> Endpoints:
    """Return the public endpoints of a region, each replaceable by an address of one's own.

    :param region: such as ``cn-north-4``.
    """
    # The European cloud (eu-west-101, Dublin) has a domain and accounts of its own.
    domain = "myhuaweicloud.eu" if region.startswith("eu-west-1") else "myhuaweicloud.com"
    return Endpoints(
        ims=(ims or f"https://ims.{region}.{domain}").rstrip("/"),
        iam=(iam or f"https://iam.{region}.{domain}").rstrip("/"),
        obs=(obs or f"https://obs.{region}.{domain}").rstrip("/"),
        metadata=(metadata or "http://169.254.169.254").rstrip("/"),
        obs_path_style=obs_path_style,
    )


def is_url(text: str) -> bool:
    """Whether a text is a usable endpoint: http or https, a host, nothing behind it."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or parts.username)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.path in {"", "/"} and plain
