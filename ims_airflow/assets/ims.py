"""``ims://region/image``: the URI of an image as an asset.

The image is given by its name or by its id. A name stays when a new image takes the place of the old one, so
it is what other DAGs are scheduled on; an id is one image for ever.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from ims_airflow.assets.uri import checked, quoted
from ims_airflow.protocol.data_image_rules import field_violations

if TYPE_CHECKING:
    from airflow.sdk import Asset
    from openlineage.client.event_v2 import Dataset

_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def image_uri(region: str, image: str) -> str:
    """Return the URI of an image.

    :param region: where it lies, such as ``cn-north-4``.
    :param image: its name or its id.
    """
    return f"ims://{region}/{quoted(image)}"


def create_asset(*, region: str, image: str, extra: dict[str, Any] | None = None) -> Asset:
    """Return the asset of an image.

    :param region: where it lies, such as ``cn-north-4``.
    :param image: its name or its id.
    :raises ValueError: naming the rule that one of them breaks.
    """
    from airflow.sdk import Asset  # noqa: PLC0415  # Airflow reads this module whenever it sees an asset

    return Asset(uri=image_uri(region, image), extra=extra)


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Normalise: the region in small letters, the image percent-encoded.

    :raises ValueError: naming the rule that the URI breaks.
    """
    checked(uri, "ims://region/image")
    region, image = uri.netloc.lower(), unquote(uri.path.removeprefix("/"))
    if not _REGION.fullmatch(region):
        raise ValueError(f"{uri.geturl()!r}: {region!r} must be a region, such as cn-north-4")
    if broken := field_violations("name", image):  # an id obeys these rules too
        raise ValueError(f"{uri.geturl()!r}: the image {image!r} {broken[0].rule}")
    return uri._replace(netloc=region, path=f"/{quoted(image)}")


def to_openlineage(asset: Asset, lineage_context: object) -> Dataset:  # noqa: ARG001  # Airflow's signature
    """Return the asset as OpenLineage names it: the region is the namespace, the image is the name."""
    from openlineage.client.event_v2 import Dataset  # noqa: PLC0415  # only where somebody asks for lineage

    uri = urlsplit(asset.uri)
    return Dataset(namespace=f"ims://{uri.netloc}", name=unquote(uri.path.removeprefix("/")))
