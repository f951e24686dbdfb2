"""A story on a terminal, redrawn as it goes on, or as plain lines where there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ims_airflow.demo.story import State, Step, Story

_MARKS = {
    State.AHEAD: Text("·", "dim"),
    State.DONE: Text("✓", "bold green"),
    State.FAILED: Text("✗", "bold red"),
}
_BAR = 20


@contextmanager
def shown(titles: Mapping[str, str], console: Console) -> Iterator[Story]:
    """Show a story while the block tells it."""
    if not console.is_terminal:
        view = PlainView(console)
        story = view.story = Story(titles, view.line)
        yield story
        return
    story = Story(titles, lambda _: None)
    table = LiveTable(story)
    with Live(table, console=console, refresh_per_second=8, transient=False):
        yield story


class PlainView:
    """Writes a line for each piece of news."""

    story: Story

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: tuple[object, ...] = ()

    def line(self, step: Step) -> None:
        """Write it; of mere progress only every tenth percent."""
        news = (step.title, step.state, step.note, (step.progress or 0) // 10)
        if news == self._last:
            return
        self._last = news
        word = {State.DONE: "done. ", State.FAILED: "FAILED. "}.get(step.state, "")
        text = f"[{self.story.now:6.1f} s] {step.title}: {word}{described(step)}".rstrip(": ")
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveTable:
    """All steps; rich asks for it again and again."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._spinner = Spinner("dots", style="cyan")

    def __rich__(self) -> Table:
        """Draw it."""
        table = Table.grid(padding=(0, 2))
        table.add_column(width=1)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", width=7, style="dim")
        table.add_column(ratio=1)
        for step in self._story.steps.values():
            mark = self._spinner if step.state is State.GOING else _MARKS[step.state]
            seconds = step.seconds(self._story.now)
            time = "" if seconds is None else f"{seconds:.1f} s"
            style = "dim" if step.state is State.AHEAD else ""
            table.add_row(mark, Text(step.title, style), time, escape(described(step)))
        return table


def described(step: Step) -> str:
    """Return a step's news, with a bar where there is progress to show."""
    if step.progress is None:
        return step.note
    full = min(max(step.progress, 0), 100) * _BAR // 100
    return f"{'━' * full}{'╌' * (_BAR - full)} {step.progress:3d} %  {step.note}"
