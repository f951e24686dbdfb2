"""The last words of the demo."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ims_airflow.demo.failure import DemoError
from ims_airflow.protocol.image import Image


def show_image(console: Console, image: Image, more: Mapping[str, str]) -> None:
    """Show an image.

    :param more: further rows.
    """
    rows = {
        "id": image.image_id,
        "name": image.name,
        "status": image.status,
        "disk": f"{image.min_disk} GB, {image.os_type}",
        "size": "" if image.size is None else f"{image.size:,} bytes",
        "from": image.data_origin.removeprefix("file,"),
        **more,
    }
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        if value:
            table.add_row(Text(name, "dim"), Text(value))
    console.print(Panel(table, title="Data image", border_style="green", expand=False))


def show_failures(console: Console, failures: Mapping[str, list[str]]) -> None:
    """Show which tasks failed, or did not end in time, and why."""
    for task_id, lines in failures.items():
        console.print(f"\nTask {task_id} did not succeed. The end of its log:", style="bold red")
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def show_error(console: Console, error: DemoError) -> None:
    """Show why the demo could not go on."""
    console.print(f"The demo failed: {error}", style="bold red", markup=False, soft_wrap=True)
    if error.details:
        console.print(error.details.rstrip(), markup=False, highlight=False, soft_wrap=True)
