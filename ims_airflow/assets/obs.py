"""``obs://bucket/key``: the URI of an object, or of a folder of objects, as an asset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from ims_airflow.assets.uri import checked, quoted
from ims_airflow.protocol.image_url import image_url_violations, parse_image_url

if TYPE_CHECKING:
    from airflow.sdk import Asset
    from openlineage.client.event_v2 import Dataset

_ANY_KEY = "x"  # stands for the key where only the bucket is judged


def create_asset(*, image_url: str, extra: dict[str, Any] | None = None) -> Asset:
    """Return the asset of an object.

    :param image_url: ``bucket:key``, as IMS spells it.
    :raises InvalidInputError: it breaks a rule.
    """
    from airflow.sdk import Asset  # noqa: PLC0415  # Airflow reads this module whenever it sees an asset

    url = parse_image_url(image_url)
    return Asset(uri=f"obs://{url.bucket}/{quoted(url.key)}", extra=extra)


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Normalise: the key percent-encoded, and nothing beside bucket and key.

    :raises ValueError: naming the rule that the URI breaks.
    """
    checked(uri, "obs://bucket/key")
    key = unquote(uri.path.removeprefix("/"))
    if broken := image_url_violations(f"{uri.netloc}:{key or _ANY_KEY}"):
        raise ValueError(f"{uri.geturl()!r}: {broken[0].rule}")
    return uri._replace(path=f"/{quoted(key)}")


def to_openlineage(asset: Asset, lineage_context: object) -> Dataset:  # noqa: ARG001  # Airflow's signature
    """Return the asset as OpenLineage names it: the bucket is the namespace, the key is the name."""
    from openlineage.client.event_v2 import Dataset  # noqa: PLC0415  # only where somebody asks for lineage

    uri = urlsplit(asset.uri)
    return Dataset(namespace=f"obs://{uri.netloc}", name=unquote(uri.path.removeprefix("/")) or "/")
