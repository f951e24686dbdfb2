"""Reads what a container engine would: Dockerfiles, the compose file, the values of the Helm chart."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parents[1]
DOCKER = PROJECT / "docker"
DOCKERFILES = sorted(DOCKER.glob("*Dockerfile"))


@dataclass(frozen=True)
class Instruction:
    word: str
    rest: str

    @property
    def shell(self) -> str:
        """The command of a RUN, without the mounts that only an engine understands."""
        return re.sub(r"^(--mount=\S+\s+)+", "", self.rest)

    @property
    def arguments(self) -> list[str]:
        """The words of an ENTRYPOINT or CMD."""
        words: list[str] = json.loads(self.rest)
        return words


def instructions(dockerfile: Path) -> list[Instruction]:
    lines = [line for line in dockerfile.read_text().splitlines() if not line.lstrip().startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    split = [line.split(maxsplit=1) for line in whole.splitlines() if line.strip()]
    return [Instruction(word.upper(), rest.strip()) for word, rest in split]


def stages(dockerfile: Path) -> list[list[Instruction]]:
    """The instructions from each FROM to the next."""
    found: list[list[Instruction]] = []
    for one in instructions(dockerfile):
        if one.word == "FROM":
            found.append([])
        if found:
            found[-1].append(one)
    return found


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    return found


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = compose()["services"][name]
    return found


def health_command(name: str) -> list[str]:
    """The health check of a service, as the words of a command."""
    how, *words = service(name)["healthcheck"]["test"]
    plain = [word.replace("$$", "$") for word in words]
    return plain if how == "CMD" else ["bash", "-c", *plain]


def environment_file(name: str) -> dict[str, str]:
    lines = [line.partition("=") for line in (DOCKER / name).read_text().splitlines()]
    return {
        key: "".join(shlex.split(value)) if value.startswith("'") else value
        for key, sign, value in lines
        if sign and not key.startswith("#")
    }


def demo_secrets() -> Path:
    """The directory of the demo's secrets."""
    return DOCKER / environment_file("demo.env")["SECRETS"]


def values(*names: str) -> dict[str, Any]:
    """The values of some files, the later laid over the earlier, as Helm does it."""
    found: dict[str, Any] = {}
    for name in names:
        found = _laid_over(found, yaml.safe_load((DOCKER / name).read_text()))
    return found


def _laid_over(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {name for name in over if isinstance(over[name], dict) and isinstance(under.get(name), dict)}
    return {**under, **over, **{name: _laid_over(under[name], over[name]) for name in both}}
