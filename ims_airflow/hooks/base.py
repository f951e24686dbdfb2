"""What the hooks share: reading the Connection late, and one client for all that use the same one."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

from airflow.sdk import BaseHook

from ims_airflow.exceptions import InvalidInputError
from ims_airflow.hooks.connection import Profile, read_connection
from ims_airflow.hooks.together import client_in_common
from ims_airflow.protocol.ids import DEFAULT_CONN_ID
from ims_airflow.protocol.message import Flow

if TYPE_CHECKING:
    from ims_airflow.client.sync import Client

T = TypeVar("T")


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
        return self._read(self.ims_conn_id, self.region)

    @classmethod
    def _read(cls, ims_conn_id: str, region: str | None) -> Profile:
        return read_connection(cls.get_connection(ims_conn_id), region)

    @cached_property
    def client(self) -> Client:
        """The client; keeps its connections and what it learned about the account for the hook's life.

        Hooks of the same Connection and region that live at the same time share it.
        """
        name, region = self.ims_conn_id, self.region
        return client_in_common(name, region, self.profile, partial(self._read, name, region))

    def get_conn(self) -> Client:
        """Return the client."""
        return self.client

    def test_connection(self) -> tuple[bool, str]:
        """Say what works with this Connection and what does not, for the button in the UI.

        One sentence per line; they read well in one line, too, which is how the UI shows them.
        """
        from ims_airflow.doctor.check import all_well, unreadable  # noqa: PLC0415  # for the button only
        from ims_airflow.hooks.diagnosis import diagnose  # noqa: PLC0415

        try:
            checks = diagnose(self.profile)
        except InvalidInputError as error:
            return False, str(unreadable(error))
        except Exception as error:  # noqa: BLE001  # the button must get a sentence, whatever happened
            return False, f"{type(error).__name__}: the Connection could not be tested."
        return all_well(checks), "\n".join(map(str, checks))

    def run(self, flow: Flow[T]) -> T:
        """Run a flow of :mod:`ims_airflow.protocol`.

        :raises ImsAirflowError: what the flow lets through.
        """
        return self.client.run(flow)
