from __future__ import annotations

import io

from rich.console import Console

from ims_airflow.demo.story import State, Step, Story
from ims_airflow.demo.views import LiveTable, described, shown

TITLES = {"a": "Do this", "b": "Do that"}


def console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=terminal, width=100), text


def test_news_are_passed_on_once() -> None:
    told: list[str] = []
    story = Story(TITLES, lambda step: told.append(f"{step.title}, {step.state}, {step.note}"))
    for _ in range(3):
        story.tell("a", "half-way")
    story.finish("a", "fine")
    assert told == ["Do this, going, half-way", "Do this, done, fine"]


def test_a_step_knows_how_long_it_took() -> None:
    time = [100.0]
    story = Story(TITLES, lambda _: None, clock=lambda: time[0])
    time[0] = 102.0
    story.tell("a", "")
    time[0] = 105.0
    story.finish("a", "")
    time[0] = 200.0
    assert story.steps["a"].seconds(story.now) == 3.0
    assert story.steps["b"].seconds(story.now) is None


def test_only_what_was_going_on_fails() -> None:
    story = Story(TITLES, lambda _: None)
    story.finish("a", "")
    story.tell("b", "")
    story.fail_current()
    assert [step.state for step in story.steps.values()] == [State.DONE, State.FAILED]


def test_progress_becomes_a_bar() -> None:
    assert (
        described(Step("x", progress=50, note="job RUNNING")) == "━" * 10 + "╌" * 10 + "  50 %  job RUNNING"
    )
    assert described(Step("x", progress=250)).startswith("━" * 20)
    assert described(Step("x", note="hm")) == "hm"


def test_without_a_terminal_each_news_is_a_line() -> None:
    output, text = console(terminal=False)
    with shown(TITLES, output) as story:
        story.tell("a", "on its [way]")
        story.finish("a", "")
        story.tell("b", "", state=State.FAILED)
    lines = [line.partition(" s] ")[2] for line in text.getvalue().splitlines()]
    assert lines == ["Do this: on its [way]", "Do this: done.", "Do that: FAILED."]


def test_on_a_terminal_all_steps_are_drawn() -> None:
    output, text = console(terminal=True)
    with shown(TITLES, output) as story:
        story.finish("a", "made [it]")
    assert "made [it]" in text.getvalue()
    assert "Do that" in text.getvalue()


def test_the_table_has_a_row_for_each_step() -> None:
    assert LiveTable(Story(TITLES, lambda _: None)).__rich__().row_count == 2


def test_plain_lines_do_not_tell_every_percent() -> None:
    output, text = console(terminal=False)
    with shown(TITLES, output) as story:
        for percent in range(101):
            story.tell("a", "job RUNNING", progress=percent)
    assert len(text.getvalue().splitlines()) == 11
