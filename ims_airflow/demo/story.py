"""What has happened so far, as steps. Somebody else shows it."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


class State(enum.StrEnum):
    """Where a step stands."""

    AHEAD = "ahead"
    GOING = "going"
    DONE = "done"
    FAILED = "failed"


@dataclass
class Step:
    """One step.

    :param title: what it does, for a person.
    :param note: the newest news of it.
    :param progress: percent, None where nobody counts.
    :param began: seconds on the story's clock, and so is ``ended``.
    """

    title: str
    state: State = State.AHEAD
    note: str = ""
    progress: int | None = None
    began: float | None = None
    ended: float | None = None

    def seconds(self, now: float) -> float | None:
        """Return how long it took, or has taken so far."""
        return None if self.began is None else (now if self.ended is None else self.ended) - self.began


class Story:
    """The steps of a demo.

    :param titles: of all steps, in order, by name.
    :param changed: told about each step that has news.
    :param clock: returns seconds.
    """

    def __init__(
        self,
        titles: Mapping[str, str],
        changed: Callable[[Step], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.steps = {name: Step(title) for name, title in titles.items()}
        self._changed = changed
        self._clock = clock
        self._began = clock()

    @property
    def now(self) -> float:
        """Seconds since the story began."""
        return self._clock() - self._began

    def tell(self, name: str, note: str, *, state: State = State.GOING, progress: int | None = None) -> None:
        """Tell the news of a step. What is no news is not passed on.

        :param name: of the step.
        """
        step = self.steps[name]
        if (step.state, step.note, step.progress) == (state, note, progress):
            return
        if step.began is None:
            step.began = self.now
        step.ended = self.now if state in {State.DONE, State.FAILED} else None
        step.state, step.note, step.progress = state, note, progress
        self._changed(step)

    def finish(self, name: str, note: str) -> None:
        """Tell that a step is done."""
        self.tell(name, note, state=State.DONE)

    def fail_current(self) -> None:
        """Mark what is going on as failed."""
        for name, step in self.steps.items():
            if step.state is State.GOING:
                self.tell(name, step.note, state=State.FAILED)
