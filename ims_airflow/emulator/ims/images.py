"""Private images, and the rows that show them. Source: IMS API reference, 查询镜像列表 and 镜像属性."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ims_airflow.emulator.clock import to_the_second
from ims_airflow.emulator.ims.rules import Submission
from ims_airflow.emulator.settings import Settings


@dataclass(slots=True)
class Image:
    """A data image.

    :param created_at: epoch seconds, as are all times here.
    :param visible_at: from when on the list shows it.
    :param active_at: when it became usable.
    :param gone_at: when it leaves the list.
    """

    image_id: str
    submission: Submission
    created_at: float
    visible_at: float
    status: str = "queued"
    name: str = ""
    description: str = ""
    min_disk: int = 0
    size: int = 0
    protected: bool = False
    updated_at: float = 0.0
    active_at: float | None = None
    gone_at: float | None = None
    tags: dict[str, str] = field(default_factory=dict)

    def there(self, now: float) -> bool:
        """Whether the list shows it."""
        return self.visible_at <= now and (self.gone_at is None or now < self.gone_at)


def new_image(image_id: str, submission: Submission, now: float, visible_at: float) -> Image:
    """Make the image of an accepted request."""
    return Image(
        image_id,
        submission,
        created_at=now,
        visible_at=visible_at,
        name=submission.name,
        description=submission.description,
        min_disk=submission.min_disk,
        updated_at=now,
        tags=dict(submission.tags),
    )


def row(image: Image, settings: Settings) -> dict[str, Any]:
    """Show an image as ``GET /v2/cloudimages`` does."""
    shown = {
        "id": image.image_id,
        "name": image.name,
        "status": image.status,
        "visibility": "private",
        "owner": settings.project_id,
        "protected": image.protected,
        "container_format": "bare",
        "disk_format": "zvhd2",
        "min_disk": image.min_disk,
        "min_ram": 0,
        "max_ram": "",
        "virtual_env_type": "DataImage",
        "created_at": to_the_second(image.created_at),
        "updated_at": to_the_second(image.updated_at),
        "enterprise_project_id": image.submission.enterprise_project_id,
        "tags": _tags(image, settings) if settings.tags_visible else [],
        "file": f"/v2/images/{image.image_id}/file",
        "self": f"/v2/images/{image.image_id}",
        "schema": "/v2/schemas/image",
        "__imagetype": "private",
        "__isregistered": "true",
        "__image_source_type": "uds",
        "__data_origin": f"file,{image.submission.image_url}",
        "__root_origin": "file",
        "__os_type": image.submission.os_type,
        "__os_bit": "64",
        "__description": image.description,
        "__image_size": str(image.size),
        "__originalimagename": image.submission.key.rpartition("/")[2],
        "__system__cmkid": image.submission.cmk_id,
        "active_at": to_the_second(image.active_at) if image.active_at is not None else None,
    }
    # What an image does not have, its row does not name.
    return {name: value for name, value in shown.items() if value is not None and value != ""}


def _tags(image: Image, settings: Settings) -> list[str]:
    mark = "=" if settings.tag_spelling == "equals" else "."
    return [f"{key}{mark}{value}" for key, value in image.tags.items()]
