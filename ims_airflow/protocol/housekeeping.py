"""Which images may go: those that this package provably made for one DAG, and no other.

An image is *fit* for a decision when its row and its tags, asked one by one, leave no doubt. Whatever is in
doubt is skipped with a reason, and stays. The decisions themselves are functions of values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from ims_airflow.protocol import ims
from ims_airflow.protocol.history import History
from ims_airflow.protocol.image import IN_PROGRESS, Image
from ims_airflow.protocol.job_time import iso_epoch
from ims_airflow.protocol.message import Flow
from ims_airflow.protocol.origin import is_marker
from ims_airflow.protocol.submission import DAG_TAG, MARKER_TAG

Tags = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which images a decision is about.

    :param dag_tag: value of the tag :data:`~ims_airflow.protocol.submission.DAG_TAG`.
    :param statuses: that an image may have.
    :param name_pattern: shell-style pattern of the name, with ``*``, ``?`` and ``[…]``.
    """

    dag_tag: str
    statuses: frozenset[str]
    name_pattern: str = "*"


@dataclass(frozen=True, slots=True)
class Fit:
    """An image without doubts.

    :param created: epoch seconds.
    :param marker: its tag :data:`~ims_airflow.protocol.submission.MARKER_TAG`.
    """

    image: Image
    created: float
    marker: str


@dataclass(slots=True)
class Plan:
    """What stays, what goes, and what is left alone for a reason.

    :param skipped: each image with the reason.
    """

    kept: list[Fit] = field(default_factory=list)
    doomed: list[Fit] = field(default_factory=list)
    skipped: list[tuple[Image, str]] = field(default_factory=list)

    def spare(self, fit: Fit, reason: str) -> None:
        """Leave an image alone after all."""
        self.doomed.remove(fit)
        self.skipped.append((fit.image, reason))


def survey(scope: Scope) -> Flow[tuple[list[Fit], Plan]]:
    """List the images of a DAG; return those that are fit, and a plan that skips the others."""
    rows = yield from ims.list_images(
        {"__imagetype": "private", "virtual_env_type": "DataImage", "tag": f"{DAG_TAG}={scope.dag_tag}"}
    )
    found, plan = [], Plan()
    for image in rows:
        reason = objection(image, scope)
        # The list's filter is not enough for a deletion: rows need not show tags, and filters can be ignored.
        tags = None if reason else (yield from ims.show_tags(image.image_id))
        fit = reason or examine(image, tags, scope)
        if isinstance(fit, Fit):
            found.append(fit)
        else:
            plan.skipped.append((image, fit))
    return found, plan


def objection(image: Image, scope: Scope) -> str:
    """Return what speaks against an image by its row alone, empty when nothing does."""
    checks: tuple[tuple[bool, str], ...] = (
        (image.image_type != "private", "not a private image"),
        (image.virtual_env_type != "DataImage", "not a data image"),
        (image.protected is None, "its row does not say whether it is protected"),
        (image.protected is True, "protected"),
        (image.status in IN_PROGRESS, f"still being made ({image.status})"),
        (image.status not in scope.statuses, f"status is {image.status or 'not shown'}"),
        (not fnmatchcase(image.name, scope.name_pattern), f"name does not match {scope.name_pattern}"),
        (iso_epoch(image.created_at) is None, "its row does not say when it was created"),
        (bool(image.tags) and (DAG_TAG, scope.dag_tag) not in image.tags, f"not tagged {DAG_TAG}"),
    )
    return next((reason for broken, reason in checks if broken), "")


def examine(image: Image, tags: Tags | None, scope: Scope) -> Fit | str:
    """Return the image as fit, or what speaks against it.

    :param tags: as the tag query shows them, None when it knows no such image.
    """
    created = iso_epoch(image.created_at)
    if (reason := objection(image, scope)) or created is None:
        return reason
    if tags is None:
        return "gone since it was listed"
    if (DAG_TAG, scope.dag_tag) not in tags:
        return f"not tagged {DAG_TAG}={scope.dag_tag}"
    markers = [value for key, value in tags if key == MARKER_TAG]
    if len(markers) != 1 or not is_marker(markers[0]):
        return f"no {MARKER_TAG} of this package"
    return Fit(image, created, markers[0])


def retention(fits: Iterable[Fit], plan: Plan, *, keep: int, now: float, min_age: float) -> Plan:
    """Keep the newest images, and doom the others that are old enough.

    :param keep: how many.
    :param now: epoch seconds.
    :param min_age: seconds since its creation before an image may go.
    """
    newest_first = sorted(fits, key=lambda fit: (fit.created, fit.image.image_id), reverse=True)
    plan.kept += newest_first[:keep]
    for fit in newest_first[keep:]:
        _doom(fit, plan, now=now, min_age=min_age)
    return plan


def sweep(fits: Iterable[Fit], plan: Plan, history: History, *, now: float, min_age: float) -> Plan:
    """Doom the images whose task instance ended without success, when they are old enough.

    An image of a task that succeeded is kept, also one that a later image of the same task superseded.

    :param history: the task instances of the DAG.
    :param now: epoch seconds.
    :param min_age: seconds since its creation before an image may go.
    """
    for fit in fits:
        if history.succeeded(fit.marker):
            plan.kept.append(fit)
        elif reason := history.objection(fit.marker):
            plan.skipped.append((fit.image, reason))
        else:
            _doom(fit, plan, now=now, min_age=min_age)
    return plan


def lines(plan: Plan, *, dry_run: bool) -> list[str]:
    """Word a plan, one short line for each image."""
    action = "would delete" if dry_run else "delete"
    kinds: tuple[tuple[str, Sequence[tuple[Image, str]]], ...] = (
        ("keep", [(fit.image, "") for fit in plan.kept]),
        (action, [(fit.image, "") for fit in plan.doomed]),
        ("skip", plan.skipped),
    )
    return [
        f"{kind:<12}  {image.image_id}  {image.created_at or '-':<20}  {image.status or '-':<6}  {image.name}"
        + (f"  ({reason})" if reason else "")
        for kind, rows in kinds
        for image, reason in rows
    ]


def _doom(fit: Fit, plan: Plan, *, now: float, min_age: float) -> None:
    # Clocks differ: without a limit, an image from the near future may go too.
    if min_age and now - fit.created < min_age:
        plan.skipped.append((fit.image, f"younger than {min_age:.0f} s"))
    else:
        plan.doomed.append(fit)
