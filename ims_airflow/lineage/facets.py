"""OpenLineage facets of imports: the file in OBS is the input, the image in IMS is the output.

Nothing of OpenLineage is imported before its own listener asks for facets, so that a worker without it does
not pay for it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ims_airflow.protocol.image_url import parse_image_url
from ims_airflow.protocol.provenance import Provenance

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset


def is_listening() -> bool:
    """Whether OpenLineage is at work in this process."""
    return "airflow.providers.openlineage.plugins.listener" in sys.modules


def facets(made: Provenance) -> OperatorLineage[Any, Any]:
    """Return what OpenLineage tells of an import.

    :param made: image and source, as far as they are known.
    """
    from airflow.providers.openlineage.extractors import OperatorLineage  # noqa: PLC0415

    return OperatorLineage(inputs=_inputs(made), outputs=_outputs(made))


def _inputs(made: Provenance) -> list[InputDataset]:
    if not made.image_url:
        return []
    from openlineage.client.event_v2 import InputDataset  # noqa: PLC0415
    from openlineage.client.facet_v2 import dataset_version_dataset, input_statistics_input_dataset  # noqa: PLC0415

    url = parse_image_url(made.image_url)
    version: dict[str, Any] = {}
    statistics: dict[str, Any] = {}
    if made.etag:
        version["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(made.etag)
    if made.size is not None:
        facet = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(size=made.size, fileCount=1)
        statistics["inputStatistics"] = facet
    return [InputDataset(f"obs://{url.bucket}", url.key, facets=version, inputFacets=statistics)]


def _outputs(made: Provenance) -> list[OutputDataset]:
    if not (made.region and made.image_name):
        return []
    from openlineage.client.event_v2 import OutputDataset  # noqa: PLC0415
    from openlineage.client.facet_v2 import (  # noqa: PLC0415
        dataset_version_dataset,
        lifecycle_state_change_dataset,
        symlinks_dataset,
    )

    namespace = f"ims://{made.region}"
    if not made.image_id:
        return [OutputDataset(namespace, made.image_name)]
    created = lifecycle_state_change_dataset.LifecycleStateChange.CREATE
    about = {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(made.image_id),
        "lifecycleStateChange": lifecycle_state_change_dataset.LifecycleStateChangeDatasetFacet(created),
        "symlinks": symlinks_dataset.SymlinksDatasetFacet(
            [symlinks_dataset.Identifier(namespace=namespace, name=made.image_id, type="IMAGE")]
        ),
    }
    return [OutputDataset(namespace, made.image_name, facets=about)]
