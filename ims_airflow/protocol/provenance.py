"""Where an image comes from, in the words of an asset event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from ims_airflow.protocol.import_state import ImportState
from ims_airflow.protocol.obs import StoredObject


@dataclass(frozen=True, slots=True)
class Provenance:
    """An image and its source; None for what is not known.

    :param image_id: None while the job is still going.
    :param image_url: the file, ``bucket:key``.
    :param size: of the file, in bytes.
    :param etag: of the file, without quotes.
    :param duration: seconds from the request to the end of the job.
    """

    image_id: str | None = None
    image_name: str | None = None
    region: str | None = None
    job_id: str | None = None
    image_url: str | None = None
    size: int | None = None
    etag: str | None = None
    duration: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the extra of an asset event."""
        return asdict(self)


def provenance(state: ImportState, result: Mapping[str, Any], source: Mapping[str, Any]) -> Provenance:
    """Put together what three places know.

    :param result: what the task returns.
    :param source: what is known of the file.
    """
    seconds = result.get("seconds") or {}
    spans = [span for name in ("queue", "job") if (span := seconds.get(name)) is not None]
    return Provenance(
        image_id=result.get("image_id"),
        image_name=result.get("image_name") or state.name,
        region=state.region,
        job_id=result.get("job_id"),
        image_url=state.image_url,
        size=source.get("size"),
        etag=source.get("etag"),
        duration=round(sum(spans), 1) if spans else None,
    )


def untouched_since(found: StoredObject, moment: float) -> bool:
    """Whether an object is still the one that it was at a time in epoch seconds."""
    try:
        return parsedate_to_datetime(found.last_modified).timestamp() <= moment
    except ValueError:
        return False
