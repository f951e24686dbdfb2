"""What the URIs of our assets have in common (Airflow's AIP-60: one thing has one spelling)."""

from __future__ import annotations

from urllib.parse import SplitResult, quote


def quoted(path: str) -> str:
    """Percent-encode a path: ASCII only, as databases with a narrow alphabet need it."""
    return quote(path, safe="/!$&'()*+,;=:@")


def checked(uri: SplitResult, form: str) -> SplitResult:
    """Return a URI that has no more parts than it may have.

    :param form: how such a URI is spelled.
    :raises ValueError: naming the rule that it breaks.
    """
    if uri.query:
        raise ValueError(f"{uri.geturl()!r}: must have the form {form}, without a query; '?' is spelled %3F")
    if "@" in uri.netloc or ":" in uri.netloc:
        raise ValueError(f"{uri.geturl()!r}: must have the form {form}, without user, password and port")
    return uri
