"""Deleting one image."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Unpack

from airflow.sdk import BaseOperator

from ims_airflow.arguments import OperatorArguments
from ims_airflow.exceptions import NotFoundError
from ims_airflow.hooks.ims import ImsHook
from ims_airflow.links.console import ImsImageLink
from ims_airflow.links.pushing import push_links
from ims_airflow.protocol.deletion import POLICY, GoneWatch, request_deletion
from ims_airflow.protocol.housekeeping_rules import literal_violations, violations
from ims_airflow.protocol.ids import DEFAULT_CONN_ID
from ims_airflow.protocol.polling import PollPolicy
from ims_airflow.protocol.running_rules import running_violations, seconds
from ims_airflow.protocol.validation import called, raise_for
from ims_airflow.protocol.waiting import Deadline, follow
from ims_airflow.task import SURROUNDINGS, TaskMemory, airflow_errors

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg


class ImsDeleteImageOperator(BaseOperator):
    """Deletes a private image and waits until IMS shows it no more.

    Returns a mapping: ``image_id``, ``image_name`` (None where nobody saw it) and ``deleted``, which is False
    when there was nothing to delete. A retry goes on where the try before it stopped.

    :param image_id: of the image (templated).
    :param missing_ok: whether an image that is not there counts as deleted.
    :param timeout: seconds, or a timedelta, to wait for the image to go.
    :param poll_interval: seconds, or a timedelta, between two looks; None looks ever less often.
    :param ims_conn_id: Connection of type ``huaweicloud_ims`` (templated).
    :param region: overrides the Connection's region (templated).
    :raises InvalidInputError: a literal argument breaks a rule, when the DAG is parsed.
    :raises AirflowFailException: the image is protected, is not there and ``missing_ok`` is False, or may not
        be deleted by this user.
    :raises ServiceError: the image is still being made (``IMG.0090``); a retry may come late enough.
    :raises JobTimeoutError: the image is still there after ``timeout``.
    """

    template_fields: Sequence[str] = ("image_id", "ims_conn_id", "region")
    operator_extra_links = (ImsImageLink(),)
    ui_color = "#f5e1da"

    def __init__(
        self,
        *,
        image_id: str | XComArg,
        missing_ok: bool = True,
        timeout: float | timedelta = timedelta(minutes=10),
        poll_interval: float | timedelta | None = None,
        ims_conn_id: str = DEFAULT_CONN_ID,
        region: str | None = None,
        **kwargs: Unpack[OperatorArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.image_id = image_id
        self.missing_ok = missing_ok
        self.timeout = seconds(timeout)
        self.poll_interval = seconds(poll_interval)
        self.ims_conn_id = ims_conn_id
        self.region = region
        running = running_violations({"poll_interval": self.poll_interval, "region": region})
        raise_for(called(self), [*literal_violations(self._arguments()), *running])

    def _arguments(self) -> dict[str, Any]:
        return {"image_id": self.image_id, "timeout": self.timeout}

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete, and wait until it shows."""
        push_links(self, context)
        with airflow_errors():
            raise_for(called(self), violations(self._arguments()))
            return self._delete(str(self.image_id), TaskMemory(context, "ims_deletion"))

    def _delete(self, image_id: str, memory: TaskMemory) -> dict[str, Any]:
        hook = ImsHook(self.ims_conn_id, self.region)
        known = self._look(hook, image_id, memory)
        if known is None and not self.missing_ok:
            raise NotFoundError(f"image_id: there is no image {image_id}, and missing_ok is not set")
        # Also where the list does not show the image: it need not show a young one yet.
        deleted = hook.run(request_deletion(image_id)) or known is not None
        if deleted:
            self._wait(hook, image_id)
        memory.forget()
        self.log.info("Image %s %s", image_id, "is deleted" if deleted else "was not there")
        return {"image_id": image_id, "image_name": known, "deleted": deleted}

    def _look(self, hook: ImsHook, image_id: str, memory: TaskMemory) -> str | None:
        """Return the image's name, None when neither this try nor one before it has seen it."""
        image = hook.show_image(image_id)
        if image is not None:
            # Should this try end half-way, the next one knows that an image was there.
            memory.save({"image_id": image_id, "image_name": image.name})
        known = memory.load() or {}
        return str(known["image_name"]) if known.get("image_id") == image_id else None

    def _wait(self, hook: ImsHook, image_id: str) -> None:
        now = SURROUNDINGS.clock()
        policy = POLICY if self.poll_interval is None else PollPolicy(fixed=self.poll_interval)
        watch = GoneWatch([image_id], started=now, log=self.log, policy=policy)
        hook.run(follow(watch, SURROUNDINGS, Deadline(now + self.timeout)))
