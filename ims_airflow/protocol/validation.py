"""Broken rules, collected first and reported together."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from reprlib import Repr
from typing import TypeGuard

from ims_airflow.exceptions import InvalidInputError
from ims_airflow.protocol.plain_text import MASK, masked

# Fields whose values never appear in a message, whatever they hold.
SECRET_FIELDS = frozenset(
    "ak sk login password passwd secret security_token token access_key secret_key authorization".split()
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

_short = Repr()
_short.maxstring = _short.maxother = 100
_short.maxlist = _short.maxtuple = _short.maxdict = 12
_short.maxlevel = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule.

    :param field: the argument, under its public name.
    :param value: what was given.
    :param rule: what it should have been.
    :param source: the page that says so, or empty where it is a rule of this package.
    """

    field: str
    value: object = dataclasses.field(repr=False)
    rule: str
    source: str = ""

    def __str__(self) -> str:
        page = f" [{self.source}]" if self.source else ""
        return f"{self.field}: {_shown(self.field, self.value)}: {self.rule}{page}"


def describe(violations: Iterable[Violation]) -> str:
    """Word broken rules, one line each, with field, value, rule and source."""
    return "\n".join(str(violation) for violation in violations)


def whole_number(field: str, value: object) -> int | None:
    """Return a number as an argument gives it, perhaps as the text of a template; None when it is empty.

    :raises InvalidInputError: it is no whole number of at least 0.
    """
    if value is None or (isinstance(value, str) and value in {"", "None"}):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    raise InvalidInputError(f"{field}: {value!r} must be a whole number of at least 0")


def called(task: object) -> str:
    """Name a task for whoever reads what is wrong with it, such as ``ImsJobSensor 'wait'``."""
    return f"{type(task).__name__} {getattr(task, 'task_id', '')!r}"


def raise_for(subject: str, violations: Iterable[Violation]) -> None:
    """Raise when there are violations, naming all of them.

    :param subject: what is wrong, for the first line.
    :raises InvalidInputError: there is at least one.
    """
    broken = list(violations)
    if broken:
        count = "a rule" if len(broken) == 1 else f"{len(broken)} rules"
        raise InvalidInputError(f"{subject} breaks {count}:\n{describe(broken)}")


def is_uuid(value: object) -> bool:
    """Whether this is a UUID in its usual spelling, with hyphens."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def is_literal(value: object) -> bool:
    """Whether an argument of a DAG is its own value: it holds no template, and stands for no later value."""
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value
    if isinstance(value, Mapping):
        return all(is_literal(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return all(map(is_literal, value))
    return value is None or isinstance(value, int | float)


def is_int(value: object) -> TypeGuard[int]:
    """Whether this is an integer; to Python True is one, to the API it is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_seconds(value: object) -> bool:
    """Whether this is a finite number of seconds, at least 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def is_truth(value: object) -> bool:
    """Whether this is a boolean as an argument or a rendered template gives it."""
    return isinstance(value, bool | str) and str(value).strip().lower() in _TRUTHS


def truth(value: object) -> bool:
    """Read a boolean as an argument or a rendered template gives it. For a valid one only."""
    return _TRUTHS[str(value).strip().lower()]


def _shown(name: str, value: object) -> str:
    if name.rpartition(".")[2].lower() in SECRET_FIELDS:
        return MASK
    try:
        # Masked before it is shortened: half a signature would no longer look like one.
        return masked(_short.repr(masked(value) if isinstance(value, str) else value))
    except ValueError:  # an integer of more digits than Python agrees to print
        return f"<{type(value).__name__}>"
