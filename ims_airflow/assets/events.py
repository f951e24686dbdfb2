"""Asset events of imports: what a DAG that is scheduled on the image gets to know.

Only the outlets that the author of a DAG declares are served. An ``Asset`` gets the image as the extra of its
event. An ``AssetAlias`` gets an event of ``ims://region/name``. A task without outlets announces nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import AssetAlias
from airflow.sdk.definitions.asset import BaseAsset

from ims_airflow.assets.ims import create_asset
from ims_airflow.protocol.provenance import Provenance
from ims_airflow.protocol.waiting import Log

if TYPE_CHECKING:
    from airflow.sdk import Context


def announce(outlets: list[Any], context: Context, made: Provenance, log: Log) -> None:
    """Put an image into the events of a task's outlets. One that cannot take it stops none of the others.

    :param outlets: what is no asset, such as a dataset of OpenLineage, is left alone.
    :param made: without an image_id the job is only submitted; an alias then gets no event.
    """
    events: Any = cast("Mapping[str, Any]", context).get("outlet_events")
    for outlet in outlets if events is not None else []:
        if isinstance(outlet, BaseAsset):
            try:
                _tell(outlet, events, made)
            except Exception as error:  # noqa: BLE001  # the image is there, whoever gets to know of it
                log.warning("The asset event lacks the image: %s", type(error).__name__)


def _tell(outlet: BaseAsset, events: Any, made: Provenance) -> None:
    if not isinstance(outlet, AssetAlias):
        events[outlet].extra.update(made.as_dict())
    elif made.image_id and made.region and made.image_name:
        image = create_asset(region=made.region, image=made.image_name)
        events[outlet].add(image, extra=made.as_dict())
