"""Links that are there while a task runs. Airflow itself writes them when a leg of the task is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from ims_airflow.task import push

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context


def push_links(operator: BaseOperator, context: Context) -> None:
    """Write the addresses of an operator's links to where the UI reads them."""
    key: Any = cast("Mapping[str, Any]", context).get("ti")  # as Airflow itself passes it
    for link in operator.operator_extra_links:
        try:
            address = link.get_link(operator, ti_key=key)
            if address:
                push(context, link.xcom_key, address)
        except Exception as error:  # noqa: BLE001  # a link is no reason to fail
            operator.log.debug("No link %s: %s", link.name, type(error).__name__)
