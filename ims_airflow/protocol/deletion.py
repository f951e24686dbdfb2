"""Waiting until deleted images are gone: IMS answers at once and removes the row some time later."""

from __future__ import annotations

from collections.abc import Iterable

from ims_airflow.exceptions import NotFoundError
from ims_airflow.protocol import ims
from ims_airflow.protocol.message import Flow
from ims_airflow.protocol.polling import PollPolicy
from ims_airflow.protocol.waiting import Log, Watch

POLICY = PollPolicy(fixed=1.0, doubling_to=30.0)  # most rows go within seconds
BUDGET = 300.0  # seconds of trouble while asking


def request_deletion(image_id: str) -> Flow[bool]:
    """Ask IMS to delete an image; False when it knows no such image.

    :raises RequestRejectedError: the image is protected.
    :raises ServiceError: the image is still being made (``IMG.0090``), or IMS is in trouble.
    """
    try:
        yield from ims.delete_image(image_id)
    except NotFoundError as error:
        if ims.is_address(error):
            raise
        return False
    return True


class GoneWatch(Watch[bool]):
    """Looks at deleted images until IMS shows none of them any more.

    :param started: epoch seconds.
    :param policy: when to look again.
    """

    def __init__(
        self, image_ids: Iterable[str], *, started: float, log: Log, policy: PollPolicy = POLICY
    ) -> None:
        self.left = list(image_ids)
        self._name = _named(self.left)
        super().__init__(policy=policy, budget=BUDGET, started=started, log=log)

    @property
    def what(self) -> str:
        """What it is, for messages."""
        return self._name

    def ask(self, now: float) -> Flow[bool | None]:  # noqa: ARG002  # a row tells no time
        """Ask for each image that was still there at the last look."""
        for image_id in list(self.left):
            image = yield from ims.show_image(image_id, attempts=1)
            if image is None or image.status == "deleted":
                self.left.remove(image_id)
        return True if not self.left else None


def _named(image_ids: list[str]) -> str:
    return f"the removal of image {image_ids[0]}" if len(image_ids) == 1 else "the removal of the images"
