"""The hook of the Object Storage Service."""

from __future__ import annotations

from pathlib import Path

from ims_airflow.hooks.base import HuaweiCloudHook
from ims_airflow.protocol import obs
from ims_airflow.protocol.image_url import parse_image_url
from ims_airflow.protocol.message import FilePart
from ims_airflow.protocol.obs import Bucket, StoredObject


class ObsHook(HuaweiCloudHook):
    """Talks to the Object Storage Service (OBS), as far as image files need it.

    Objects are named as IMS names them, ``bucket:key``.

    :param ims_conn_id: Connection of type ``huaweicloud_ims``.
    :param region: overrides the Connection's region.
    """

    def head_object(self, image_url: str) -> StoredObject:
        """Ask for an object's size, ETag and storage class.

        :raises NotFoundError: object or bucket is missing.
        :raises AccessDeniedError: a permission is missing.
        """
        return self.run(obs.head_object(parse_image_url(image_url)))

    def head_bucket(self, bucket: str) -> Bucket:
        """Ask for a bucket's region and storage class."""
        return self.run(obs.head_bucket(bucket))

    def create_bucket(self, bucket: str) -> None:
        """Create a bucket in the Connection's region."""
        self.run(obs.create_bucket(bucket, self.profile.region))

    def upload_file(self, path: str | Path, image_url: str) -> StoredObject:
        """Upload a local file of any size, in parts where it is larger than 1 GiB.

        :param path: the file.
        :param image_url: where to, ``bucket:key``.
        """
        url, path = parse_image_url(image_url), Path(path)
        self.run(obs.upload_file(url, FilePart(path, 0, path.stat().st_size)))
        return self.run(obs.head_object(url))

    def delete_object(self, image_url: str) -> None:
        """Delete an object."""
        self.run(obs.delete_object(parse_image_url(image_url)))
