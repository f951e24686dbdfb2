"""The hook of the Image Management Service."""

from __future__ import annotations

from collections.abc import Mapping

from ims_airflow.hooks.base import HuaweiCloudHook
from ims_airflow.protocol import ims
from ims_airflow.protocol.data_image import DataImageRequest
from ims_airflow.protocol.ids import JobQuery
from ims_airflow.protocol.image import Image
from ims_airflow.protocol.job import Job


class ImsHook(HuaweiCloudHook):
    """Talks to the Image Management Service (IMS).

    :param ims_conn_id: Connection of type ``huaweicloud_ims``.
    :param region: overrides the Connection's region.
    """

    def create_data_image(self, request: DataImageRequest) -> str:
        """Submit one data image request and return its ``job_id``. Not protected against lost answers.

        :class:`~ims_airflow.operators.ims.ImsCreateDataImageOperator` is.

        :raises InvalidInputError: the request breaks rules; nothing was sent.
        :raises ImsAirflowError: with ``outcome_unknown`` set when a job may exist all the same.
        """
        return self.run(ims.create_data_image(request.validated()))

    def show_job(self, job_id: str, *, query: JobQuery = "ShowJob") -> Job:
        """Ask how a job fares.

        :param query: which of IMS's two job queries to use.
        """
        return self.run(ims.show_job(job_id, query=query))

    def list_images(self, filters: Mapping[str, str]) -> list[Image]:
        """List images.

        :param filters: query parameters of ``GET /v2/cloudimages``, under the API's own names.
        """
        return self.run(ims.list_images(filters))

    def show_image(self, image_id: str) -> Image | None:
        """Return one image, None when there is none with this id."""
        return self.run(ims.show_image(image_id))

    def delete_image(self, image_id: str) -> None:
        """Delete an image; it disappears from the list some time later."""
        self.run(ims.delete_image(image_id))
