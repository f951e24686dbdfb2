"""What the hooks share: reading the Connection late, and one client per hook."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from airflow.sdk import BaseHook

from ims_airflow.hooks.connection import Profile, read_connection
from ims_airflow.protocol.message import Flow

if TYPE_CHECKING:
    from ims_airflow.client.sync import Client

T = TypeVar("T")
DEFAULT_CONN_ID = "huaweicloud_ims_default"


class HuaweiCloudHook(BaseHook):
    """Base of the hooks: a Connection of type ``huaweicloud_ims`` and a client for it.

    :param ims_conn_id: the Connection. It is read at the first request, never earlier.
    :param region: overrides the Connection's region.
    """

    conn_name_attr = "ims_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = "huaweicloud_ims"
    hook_name = "Huawei Cloud IMS"

    def __init__(self, ims_conn_id: str = DEFAULT_CONN_ID, region: str | None = None) -> None:
        super().__init__()
        self.ims_conn_id = ims_conn_id
        self.region = region or None

    @cached_property
    def profile(self) -> Profile:
        """The Connection, read and checked.

        :raises InvalidInputError: naming every field of the Connection that is wrong.
        """
        return self._read()

    def _read(self) -> Profile:
        return read_connection(self.get_connection(self.ims_conn_id), self.region)

    @cached_property
    def client(self) -> Client:
        """The client; keeps its connections and what it learned about the account for the hook's life."""
        from ims_airflow.client.sync import Client  # noqa: PLC0415  # parsing a DAG needs no HTTP library

        profile = self.profile
        return Client(profile.account(), profile.options, reload=lambda: self._read().account())

    def get_conn(self) -> Client:
        """Return the client."""
        return self.client

    def run(self, flow: Flow[T]) -> T:
        """Run a flow of :mod:`ims_airflow.protocol`.

        :raises ImsAirflowError: what the flow lets through.
        """
        return self.client.run(flow)
